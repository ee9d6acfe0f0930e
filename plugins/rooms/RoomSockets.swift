import JackfieldPlugin
import PluginStore
import Support

/// The socket service: wraps the plain service and the host. Its methods run on the strand.
///
/// A *socket* joins and leaves; a *user* is a member while one of his sockets is. Other members are notified when the
/// user joins or leaves, not for each of his sockets. Rooms and messages are stored, memberships are not: a client that
/// reconnects joins again, unless the host recovered its connection and its rooms.
///
/// Only members may send (`room:message`) and read (events, messages, members). A socket has the permissions of the
/// rooms that it is in; over HTTP a user has those of all his sockets. All users may read the list of rooms and their
/// names, so that they can find a room to join.
///
/// Events to all members, including the sender's own sockets: `room:joined` and `room:left` `{room, user, at}`,
/// `room:message` (the message).
final class RoomSockets {
    /// The maximum number of rooms of one socket: it limits the memory that a client can use.
    static let maxRoomsPerSocket = 1000

    private let io: JackfieldHost
    private let service: RoomService
    private let invitations: Invitations
    private var membership = Membership()

    init(_ io: JackfieldHost, wrapping service: RoomService, invitations: Invitations) {
        self.io = io
        self.service = service
        self.invitations = invitations
    }

    // MARK: Events

    /// Declares the events, with the types of their arguments and acks. The records of clients are open: older versions
    /// ignored unknown members, so clients may send some.
    static func declare(_ io: Declarations<Rooms>) {
        let room = "(input: {room: string, ...}) throws -> "
        let page = "(input: {room: string, after: string?, limit: i64?, ...}) throws -> "
        let change = "{room: string, user: string, at: string}"
        io.on("room:create", signature: "(input: {name: string, ...}) throws -> \(RoomRow.signature)") {
            $0.sockets.create
        }
        io.on("room:join", signature: room + RoomRow.signature) { $0.sockets.join }
        io.on("room:leave", signature: room + change) { $0.sockets.leave }
        io.on("room:members", signature: page + "{items: {user: string, since: string}[], next: string?}") {
            $0.sockets.members
        }
        io.on("room:message", signature: "(input: {room: string, body: string, ...}) throws -> \(MessageRow.signature)")
        {
            $0.sockets.message
        }
        io.on("room:history", signature: page + "{items: \(MessageRow.signature)[], next: string?}") {
            $0.sockets.history
        }
        io.on(
            "room:invite",
            signature: "(input: {room: string, user: string, ...}) throws -> "
                + "{room: string, user: string, at: string, notified: bool}"
        ) {
            $0.sockets.invite
        }
        io.emits("room:invited", "(change: \(change))")
        io.emits("room:joined", "(change: \(change))")
        io.emits("room:left", "(change: \(change))")
        io.emits("room:message", "(message: \(MessageRow.signature))")
    }

    /// `room:create` `{name}` → ack: the room. The creator does not become a member.
    func create(_ socket: Socket, _ event: borrowing Event) throws {
        struct Input: Decodable {
            let name: String
        }
        let user = try event.user
        let input = try event.decode(Input.self)
        let reply = try event.keep()
        try service.create(name: input.name, by: user) { result in
            Self.answer(reply) { try result.get().json }
        }
    }

    /// `room:join` `{room}` → ack: the room. Joining twice is no error.
    func join(_ socket: Socket, _ event: borrowing Event) throws {
        let user = try ByteString(event.user)
        let room = try service.room(event.decode(RoomInput.self).id.text), id = ByteString(room.id)
        guard
            membership.rooms(of: socket.handle).count < Self.maxRoomsPerSocket || membership.contains(id, socket.handle)
        else {
            throw Problem(429, "overloaded", "a socket may be in \(Self.maxRoomsPerSocket) rooms; leave one first")
        }
        guard try socket.join(Self.channel(id)) else { return }
        try event.ack(room.json)
        if membership.enter(id, socket.handle, user: user, at: io.now) == .user {
            notifyMembers("room:joined", id, user)
        }
    }

    /// `room:leave` `{room}` → ack: `{room, user, at}`. Leaving a room that the socket is not in is no error.
    func leave(_ socket: Socket, _ event: borrowing Event) throws {
        let user = try ByteString(event.user)
        let room = try event.decode(RoomInput.self).id
        if membership.contains(room, socket.handle) { try socket.leave(Self.channel(room)) }
        try event.ack(change(room, user))
        if membership.exit(room, socket.handle, user: user) == .user { notifyMembers("room:left", room, user) }
    }

    /// `room:members` `{room}` → ack: a page of `{user, since}`, sorted by user.
    func members(_ socket: Socket, _ event: borrowing Event) throws {
        _ = try event.user
        let input = try event.decode(RoomPageInput.self)
        let room = try requireMember(.socket(socket.handle), input.room)
        let limit = try PageQuery(after: nil, limit: input.limit).limit
        try event.ack(members(of: room, after: input.after, limit: limit))
    }

    /// `room:message` `{room, body}` → ack: the message. The message is on disk before it is acknowledged and emitted.
    func message(_ socket: Socket, _ event: borrowing Event) throws {
        struct Input: Decodable {
            let room: String
            let body: String
        }
        let user = try event.user
        let input = try event.decode(Input.self)
        let room = try requireMember(.socket(socket.handle), input.room)
        let reply = try event.keep()
        try service.add(input.body, to: room.text, by: user) { [io] result in
            Self.answer(reply) { try result.get().json }
            if case .success(let message) = result {
                Self.emit("room:message", message.json, to: io.to(Self.channel(room)), io)
            }
        }
    }

    /// `room:history` `{room, after?, limit?}` → ack: a page of messages, the newest first.
    func history(_ socket: Socket, _ event: borrowing Event) throws {
        _ = try event.user
        let input = try event.decode(RoomPageInput.self)
        let room = try requireMember(.socket(socket.handle), input.room)
        let page = try service.messages(in: room.text, PageQuery(after: input.after, limit: input.limit))
        try event.ack(page.json(\.json))
    }

    /// `room:invite` `{room, user}` → ack: `{room, user, at, notified}`. `notified`: whether the invitation is stored
    /// as a notification, which the user finds also after being offline. The sockets of the user get `room:invited`
    /// `{room, user, at}` in any case, with the user who invites.
    func invite(_ socket: Socket, _ event: borrowing Event) throws {
        struct Input: Decodable {
            let room: String
            let user: String
        }
        let sender = try ByteString(event.user)
        let input = try event.decode(Input.self)
        let id = try requireMember(.socket(socket.handle), input.room)
        let invited = ByteString(input.user)
        if let problem = UserID.problem(invited) { throw Problem.invalid("user \(problem)") }
        let room = try service.room(id.text)
        try invitations.count(by: sender)
        let reply = try event.keep()
        Self.emit("room:invited", change(id, sender), to: io.to(user: input.user), io)
        var answer = JSONObject(reserving: 160)
        answer.set("room", id.text)
        answer.set("user", input.user)
        answer.set("at", RFC3339.text(milliseconds: io.now))
        invitations.notify(input.user, of: room, by: sender.text) { [answer] isStored in
            var answer = answer
            answer.set("notified", isStored)
            Self.answer(reply) { answer.json }
        }
    }

    // MARK: Connecting and disconnecting

    /// The host has put a recovered socket back into its rooms; this adds it to ``membership``.
    func connected(_ socket: Socket, _ connection: Connection) throws {
        if connection.isRecovered { try adopt(io.to(connection.id)) }
    }

    func disconnecting(_ socket: Socket, _ disconnection: Disconnection) {
        guard let user = socket.user.map({ ByteString($0) }) else { return }
        for room in membership.remove(socket.handle, user: user) { notifyMembers("room:left", room, user) }
    }

    /// Adds sockets to ``membership`` that are in rooms of the host already, since those survive a restart of this
    /// plugin.
    func adopt(_ sockets: BroadcastOperator) throws {
        try sockets.fetchSockets(Rooms.self) { rooms, result in rooms.sockets.adopt(result) }
    }

    private func adopt(_ found: Result<[FetchedSocket], any Error>) {
        do {
            for socket in try found.get() {
                guard let user = socket.user.map({ ByteString($0) }) else { continue }
                for room in socket.rooms.compactMap({ Self.room(ByteString($0)) })
                where membership.enter(room, socket.socket.handle, user: user, at: io.now) == .user {
                    notifyMembers("room:joined", room, user)
                }
            }
        } catch {
            io.log.error("who is in which room is not known, so members must join again: \(error)")
        }
    }

    // MARK: Reading

    /// The socket or the user for which a permission is checked.
    enum Requester {
        case socket(jf_socket)
        /// The user of an HTTP request.
        case user(ByteString)
    }

    /// Checks, for sockets and HTTP, that the requester has joined the room.
    ///
    /// Returns the room's id. Throws 400 if `room` cannot be one, 404 if there is no such room, 403 if the requester is
    /// not in it.
    func requireMember(_ requester: Requester, _ room: String) throws -> ByteString {
        let id = try RoomService.id(room)
        switch requester {
        case .socket(let socket) where membership.contains(id, socket): return id
        case .user(let user) where membership.contains(id, user: user): return id
        case .socket:
            _ = try service.room(id.text)
            throw Problem(403, "not_a_member", "this socket is not in room '\(id)'; room:join first")
        case .user:
            _ = try service.room(id.text)
            throw Problem(
                403, "not_a_member", "no socket of yours is in room '\(id)'; connect one, and room:join first")
        }
    }

    /// A page of `{user, since}`, sorted by user; `after` is the last user of the page before.
    ///
    /// Throws 400 if `after` is not a user id.
    func members(of room: ByteString, after: String?, limit: Int) throws(Problem) -> JSON {
        let after = after.map { ByteString($0) }
        if let after, let problem = UserID.problem(after) {
            throw .invalid("after \(problem): it is the last user of the page before")
        }
        let rest = membership.members(of: room).drop { member in after.map { member.user <= $0 } ?? false }
        return Page(Array(rest.prefix(limit + 1)), limit: limit, id: \.user.text).json { member in
            var object = JSONObject(reserving: 64)
            object.set("user", member.user.text)
            object.set("since", RFC3339.text(milliseconds: member.since))
            return object.json
        }
    }

    // MARK: Helpers

    private struct RoomPageInput: Decodable {
        let room: String
        let after: String?
        let limit: Int?
    }

    private struct RoomInput: Decodable {
        let room: String

        /// Throws 400 if it cannot be a room id.
        var id: ByteString { get throws(Problem) { try RoomService.id(room) } }
    }

    private func change(_ room: ByteString, _ user: ByteString) -> JSON {
        var object = JSONObject(reserving: 128)
        object.set("room", room.text)
        object.set("user", user.text)
        object.set("at", RFC3339.text(milliseconds: io.now))
        return object.json
    }

    private func notifyMembers(_ name: String, _ room: ByteString, _ user: ByteString) {
        Self.emit(name, change(room, user), to: io.to(Self.channel(room)), io)
    }

    private static func emit(_ name: String, _ value: JSON, to members: BroadcastOperator, _ io: JackfieldHost) {
        do {
            try members.emit(name, value)
        } catch {
            io.log.error("\(name): \(error)")
        }
    }

    private static func answer(_ reply: Reply, _ value: () throws -> JSON) {
        do {
            try reply.send(value())
        } catch {
            reply.fail(error)
        }
    }

    /// The name of the host's room for a room of this plugin. The prefix distinguishes it from socket ids and the rooms
    /// of other plugins.
    private static func channel(_ room: ByteString) -> String { "room:\(room)" }

    /// The room of this plugin for a room of the host; nil if it is none of this plugin.
    private static func room(_ channel: ByteString) -> ByteString? {
        guard channel.hasPrefix("room:") else { return nil }
        let id = ByteString(decoding: channel.utf8.dropFirst("room:".utf8.count))
        return TimeOrderedID.isValid(id.text) ? id : nil
    }
}
