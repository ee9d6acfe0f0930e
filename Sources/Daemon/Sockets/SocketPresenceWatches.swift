import Presence
import RawJSON
import SocketIO
import Support

/// Records which sockets of one loop watch the presence of which users. [loop]
///
/// A watch ends with its socket. Watches are not rooms, because plugins would see them among their own rooms.
///
/// `@unchecked Sendable`: its variables are read and written only on the loop.
final class SocketPresenceWatches: @unchecked Sendable {
    private let loop: Int
    private var limit: Int
    private var byteLimit: Int
    private let watchedUsers: WatchedUserIndex
    private let presence: PresenceService

    /// Users that are watched, by number: an id is hashed once for each list that names it.
    private var numbers: [ByteString: Int] = [:]
    private var users: [WatchedUser] = []
    private var freeNumbers: [Int] = []
    private var watched: [SocketHandle: Watched] = [:]

    /// A user with its watchers. Most have one, for whom nothing is allocated.
    private struct WatchedUser {
        let id: ByteString
        var first: SocketHandle?
        var others: Set<SocketHandle> = []
    }

    /// What one socket watches.
    private struct Watched {
        /// Their numbers.
        var users: Set<Int> = []
        /// Bytes of the ids of `users`.
        var bytes = 0
    }

    /// Requests refused since the start, for a limit or for an invalid list of users.
    private(set) var refused: UInt64 = 0

    /// - Parameters:
    ///   - loop: its index.
    ///   - limit: users one socket may watch.
    ///   - byteLimit: bytes of their ids.
    ///   - watchedUsers: learns which users this loop watches.
    init(loop: Int, limit: Int, byteLimit: Int, watchedUsers: WatchedUserIndex, presence: PresenceService) {
        self.loop = loop
        self.limit = limit
        self.byteLimit = byteLimit
        self.watchedUsers = watchedUsers
        self.presence = presence
    }

    /// Puts other limits in force; see ``init(loop:limit:byteLimit:watchedUsers:presence:)``. Present watches stay.
    func adopt(limit: Int, byteLimit: Int) {
        self.limit = limit
        self.byteLimit = byteLimit
    }

    /// Handles `presence:watch` with a list of user ids: acks the status of each user, in that order, and notifies the
    /// socket of every change from then on.
    func watch(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        let users: [ByteString]
        do throws(InvalidUserList) { users = try Self.users(in: event) } catch {
            return refuse(event, error, to: socket)
        }
        var wanted = watched.removeValue(forKey: socket.handle) ?? Watched()
        let added = add(users, to: &wanted)
        let (count, bytes) = (wanted.users.count, wanted.bytes)
        let isWithin = count <= limit && bytes <= byteLimit
        if !isWithin { drop(added, from: &wanted, of: nil) }
        // No entry is kept for an empty list.
        if !wanted.users.isEmpty { watched[socket.handle] = wanted }
        guard isWithin else {
            return refuse(
                event,
                beyond: count > limit
                    ? "a socket watches at most \(limit) users, and these would make it \(count)"
                    : "the ids of the users a socket watches have at most \(byteLimit) bytes, these would make it \(bytes)",
                to: socket)
        }
        var newlyWatched: [ByteString] = []
        for number in added {
            guard self.users[number].first != nil else {
                self.users[number].first = socket.handle
                newlyWatched.append(self.users[number].id)
                continue
            }
            self.users[number].others.insert(socket.handle)
        }
        // Registered before the snapshot is made, so that this loop is notified of every change after it.
        watchedUsers.add(newlyWatched, loop: loop)
        event.answer(.array(presence.snapshot(users).map(\.json)), to: socket)
    }

    /// Handles `presence:unwatch` with a list of user ids, or with `null` or no argument for all users.
    func unwatch(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        var users: [ByteString]?
        do throws(InvalidUserList) {
            if !Self.isWithoutArgument(event) { users = try Self.users(in: event) }
        } catch {
            return refuse(event, error, to: socket)
        }
        if var rest = watched.removeValue(forKey: socket.handle) {
            drop(users?.compactMap { numbers[$0] } ?? Array(rest.users), from: &rest, of: socket.handle)
            if !rest.users.isEmpty { watched[socket.handle] = rest }
        }
        event.answer(.object([.init("ok", true)]), to: socket)
    }

    /// Ends the watches of a socket.
    func disconnected(_ socket: NamespaceSocket) {
        guard var rest = watched.removeValue(forKey: socket.handle) else { return }
        drop(Array(rest.users), from: &rest, of: socket.handle)
    }

    /// Sends a change to the sockets of this loop that watch the user.
    func notify(of change: PresenceChange, on shard: Shard) {
        guard let number = numbers[change.user], let first = users[number].first else { return }
        let argument = JSONValue.object([
            .init("user", .string(change.user)), .init("at", .string(RFC3339.text(milliseconds: change.at))),
        ])
        let name: StaticString = change.isOnline ? "presence:online" : "presence:offline"
        shard.socket(first)?.emit(name, argument)
        for handle in users[number].others { shard.socket(handle)?.emit(name, argument) }
    }

    /// Adds what is not there yet to what a socket watches.
    ///
    /// - Returns: the numbers of what was added; the socket is not their watcher yet.
    private func add(_ ids: [ByteString], to wanted: inout Watched) -> [Int] {
        var added: [Int] = []
        for id in ids {
            let number = number(of: id)
            guard wanted.users.insert(number).inserted else { continue }
            wanted.bytes += id.count
            added.append(number)
        }
        return added
    }

    private func number(of id: ByteString) -> Int {
        if let number = numbers[id] { return number }
        let number = freeNumbers.popLast() ?? users.count
        let user = WatchedUser(id: id)
        if number == users.count { users.append(user) } else { users[number] = user }
        numbers[id] = number
        return number
    }

    /// Removes users from what a socket watches. Users without a watcher are removed from the tables.
    ///
    /// - Parameter watcher: nil if the socket is not registered as their watcher yet.
    private func drop(_ dropped: [Int], from rest: inout Watched, of watcher: SocketHandle?) {
        var forgotten: [ByteString] = []
        for number in dropped where rest.users.remove(number) != nil {
            rest.bytes -= users[number].id.count
            if let watcher {
                if users[number].first == watcher {
                    users[number].first = users[number].others.popFirst()
                } else {
                    users[number].others.remove(watcher)
                }
            }
            guard users[number].first == nil else { continue }
            let id = users[number].id
            if watcher != nil { forgotten.append(id) }
            numbers[id] = nil
            users[number] = WatchedUser(id: "")
            freeNumbers.append(number)
        }
        // An emptied table keeps its memory; a new one has none.
        if numbers.isEmpty { (numbers, users, freeNumbers) = ([:], [], []) }
        watchedUsers.remove(forgotten, loop: loop)
    }

    /// Maximum bytes of an argument, since parsing it holds up the loop. A thousand ids of the maximum length fit.
    private static let longestArgument = 300_000

    /// Why an argument is not a list of user ids.
    private struct InvalidUserList: Error {
        let message: String
    }

    /// Whether there is no argument, or only `null`, which stands for an absent one.
    private static func isWithoutArgument(_ event: borrowing IncomingEvent) -> Bool {
        var arguments = JSONArrayWalker(event.args)
        guard case .element(let first) = arguments.next() else { return true }
        return event.args[first.lowerBound] == UInt8(ascii: "n")
    }

    /// Parses the user ids of the first argument.
    private static func users(in event: borrowing IncomingEvent) throws(InvalidUserList) -> [ByteString] {
        let args = event.args
        guard args.count <= longestArgument else {
            throw InvalidUserList(
                message: "the list of user ids has \(args.count) bytes: send at most \(longestArgument) at a time")
        }
        var arguments = JSONArrayWalker(args)
        guard case .element(let list) = arguments.next(), args[list.lowerBound] == UInt8(ascii: "[") else {
            throw InvalidUserList(message: #"expected one argument, a list of user ids such as ["alice", "bob"]"#)
        }
        var users: [ByteString] = []
        var elements = JSONArrayWalker(args, from: list.lowerBound)
        while case .element(let element) = elements.next() {
            let token = UnsafeRawBufferPointer(rebasing: args[element])
            guard let user = JSONText.byteString(token) else {
                throw InvalidUserList(message: "user id \(users.count + 1) is no text")
            }
            if let problem = UserID.problem(user) {
                throw InvalidUserList(message: "user id \(users.count + 1) \(problem)")
            }
            users.append(user)
        }
        return users
    }

    private func refuse(_ event: borrowing IncomingEvent, beyond limit: String, to socket: NamespaceSocket) {
        refused += 1
        event.answer(.failure(code: "overloaded", message: "\(limit): unwatch some first"), to: socket)
    }

    private func refuse(_ event: borrowing IncomingEvent, _ error: InvalidUserList, to socket: NamespaceSocket) {
        refused += 1
        event.answer(.failure(code: "invalid_arguments", message: error.message), to: socket)
    }
}

extension PresenceStatus {
    /// `{user, online, connections, last_seen}`, the same over sockets and HTTP.
    var json: JSONValue {
        .object([
            .init("user", .string(user)), .init("online", .bool(isOnline)), .init("connections", .integer(connections)),
            .init("last_seen", lastSeen.map { .string(RFC3339.text(milliseconds: $0)) } ?? .null),
        ])
    }
}
