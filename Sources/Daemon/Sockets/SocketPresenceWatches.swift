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
    private let limit: Int
    private let byteLimit: Int
    private let watchedUsers: WatchedUserIndex
    private let presence: PresenceService

    private var watchers: [ByteString: Set<SocketHandle>] = [:]
    private var watched: [SocketHandle: Watched] = [:]

    private struct Watched {
        var users: Set<ByteString> = []
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

    /// Handles `presence:watch` with a list of user ids: acks the status of each user, in that order, and notifies the
    /// socket of every change from then on.
    func watch(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        let users: [ByteString]
        do throws(Unreadable) { users = try Self.users(in: event) } catch { return refuse(event, error, to: socket) }
        var wanted = watched[socket.handle] ?? Watched()
        for user in users where wanted.users.insert(user).inserted { wanted.bytes += user.count }
        guard wanted.users.count <= limit else {
            return refuse(
                event, beyond: "a socket watches at most \(limit) users, and these would make it \(wanted.users.count)",
                to: socket)
        }
        guard wanted.bytes <= byteLimit else {
            return refuse(
                event,
                beyond:
                    "the ids of the users a socket watches have at most \(byteLimit) bytes, these would make it \(wanted.bytes)",
                to: socket)
        }
        // No entry is kept for an empty list.
        watched[socket.handle] = wanted.users.isEmpty ? nil : wanted
        // Registered before the snapshot is made, so that this loop is notified of every change after it.
        for user in users {
            if watchers[user] == nil { watchedUsers.add(user, loop: loop) }
            watchers[user, default: []].insert(socket.handle)
        }
        event.answer(.array(presence.snapshot(users).map(\.json)), to: socket)
    }

    /// Handles `presence:unwatch` with a list of user ids, or without an argument for all users.
    func unwatch(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        let hasArgument = event.args.count > 2
        let users: [ByteString]
        do throws(Unreadable) {
            users = hasArgument ? try Self.users(in: event) : Array(watched[socket.handle]?.users ?? [])
        } catch {
            return refuse(event, error, to: socket)
        }
        for user in users { forget(user, socket.handle) }
        event.answer(.object([.init("ok", true)]), to: socket)
    }

    func left(_ socket: NamespaceSocket) {
        for user in watched[socket.handle]?.users ?? [] { forget(user, socket.handle) }
    }

    /// Sends a change to the sockets of this loop that watch the user.
    func notify(of change: PresenceChange, on shard: Shard) {
        guard let handles = watchers[change.user] else { return }
        let argument = JSONValue.object([
            .init("user", .string(change.user)), .init("at", .string(RFC3339.text(milliseconds: change.at))),
        ])
        for handle in handles {
            shard.socket(handle)?.emit(change.isOnline ? "presence:online" : "presence:offline", argument)
        }
    }

    private func forget(_ user: ByteString, _ handle: SocketHandle) {
        guard watched[handle]?.users.remove(user) != nil else { return }
        watched[handle]?.bytes -= user.count
        if watched[handle]?.users.isEmpty == true { watched[handle] = nil }
        watchers[user]?.remove(handle)
        guard watchers[user]?.isEmpty == true else { return }
        watchers[user] = nil
        watchedUsers.remove(user, loop: loop)
    }

    /// Maximum bytes of an argument, since parsing it holds up the loop. A thousand ids of the maximum length fit.
    private static let longestArgument = 300_000

    /// Why an argument is not a list of user ids.
    private struct Unreadable: Error {
        let message: String
    }

    /// Parses the user ids of the first argument.
    private static func users(in event: borrowing IncomingEvent) throws(Unreadable) -> [ByteString] {
        let args = event.args
        guard args.count <= longestArgument else {
            throw Unreadable(
                message: "the list of user ids has \(args.count) bytes: send at most \(longestArgument) at a time")
        }
        var arguments = JSONArrayWalker(args)
        guard case .element(let list) = arguments.next(), args[list.lowerBound] == UInt8(ascii: "[") else {
            throw Unreadable(message: #"expected one argument, a list of user ids such as ["alice", "bob"]"#)
        }
        var users: [ByteString] = []
        var elements = JSONArrayWalker(args, from: list.lowerBound)
        while case .element(let element) = elements.next() {
            let token = UnsafeRawBufferPointer(rebasing: args[element])
            guard let user = JSONText.byteString(token) else {
                throw Unreadable(message: "user id \(users.count + 1) is no text")
            }
            if let problem = UserID.problem(user) { throw Unreadable(message: "user id \(users.count + 1) \(problem)") }
            users.append(user)
        }
        return users
    }

    private func refuse(_ event: borrowing IncomingEvent, beyond limit: String, to socket: NamespaceSocket) {
        refused += 1
        event.answer(.failure(code: "overloaded", message: "\(limit): unwatch some first"), to: socket)
    }

    private func refuse(_ event: borrowing IncomingEvent, _ error: Unreadable, to socket: NamespaceSocket) {
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
