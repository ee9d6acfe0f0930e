/// A set of sockets of a namespace, and the calls for it, as the reference server's broadcast operator. Every method
/// returns a new value: `io.to("a", "b").except("c").volatile.emit("news", item)`. Any thread; never blocks.
public struct BroadcastOperator: Sendable {
    /// Milliseconds. The reference server has no default: without a timeout it waits for ever.
    static let defaultAckTimeout: UInt32 = 10_000

    let host: JackfieldHost
    let namespace: String
    var rooms: [String] = []
    var selectsRooms = false
    var excepted: [String] = []
    var exceptSocket: jf_socket = 0
    var targetFlags: UInt32 = 0
    var flags: UInt32 = 0
    var ackTimeout = BroadcastOperator.defaultAckTimeout

    init(host: JackfieldHost, namespace: String) {
        self.host = host
        self.namespace = namespace
    }

    // MARK: Target

    /// Adds the sockets in any of the rooms. An event reaches each socket once. A socket's own id is a room. With an
    /// empty list, emitting throws ``HostError`` with `JF_E_INVALID`, so that it never reaches all sockets.
    public func to(_ rooms: String...) -> BroadcastOperator { to(rooms) }
    public func to(_ rooms: [String]) -> BroadcastOperator {
        with {
            $0.rooms += rooms
            $0.selectsRooms = true
        }
    }

    /// Adds every socket of this user, on all tabs and devices.
    public func to(user: String) -> BroadcastOperator { to(["user:" + user]) }

    /// Removes the sockets in any of the rooms.
    public func except(_ rooms: String...) -> BroadcastOperator { except(rooms) }
    public func except(_ rooms: [String]) -> BroadcastOperator { with { $0.excepted += rooms } }

    /// Removes this socket, usually the sender.
    public func except(_ socket: Socket) -> BroadcastOperator { with { $0.exceptSocket = socket.handle } }

    /// Only the sockets of this node.
    public var local: BroadcastOperator { with { $0.targetFlags |= JF_TARGET_LOCAL } }

    // MARK: Options

    /// The event is dropped for a client whose transport is not ready to send.
    public var volatile: BroadcastOperator { with { $0.flags |= JF_MESSAGE_VOLATILE } }

    /// The event is sent without compression.
    public var uncompressed: BroadcastOperator { with { $0.flags |= JF_MESSAGE_UNCOMPRESSED } }

    /// How long ``emitWithAck(_:_:)`` waits, in milliseconds (1 to 3,600,000).
    public func timeout(_ milliseconds: UInt32) -> BroadcastOperator { with { $0.ackTimeout = milliseconds } }

    // MARK: Calls

    /// Sends an event to the sockets; it is encoded once. That there are none is no error.
    public func emit(_ name: String, _ arguments: any Encodable...) throws {
        try emit(name, arguments: EventArguments(arguments))
    }

    /// Sends an event with one argument that is already JSON.
    public func emit(_ name: String, _ argument: JSON) throws(HostError) {
        try emit(name, arguments: EventArguments(argument))
    }

    /// Sends an event whose arguments were encoded before.
    public func emit(_ name: String, arguments: EventArguments) throws(HostError) {
        try withTarget { (target) throws(HostError) in
            try host.withMessage(name, arguments, flags: flags) { (message) throws(HostError) in
                try host.check(host.events.broadcast?(host.pointer, target, message), "events.broadcast")
            }
        }
    }

    /// The sockets join the rooms.
    public func socketsJoin(_ rooms: String...) throws(HostError) {
        try withTarget { (target) throws(HostError) in
            try withTexts(rooms) { (names, count) throws(HostError) in
                try host.check(host.roomTable.join_all?(host.pointer, target, names, count), "rooms.join_all")
            }
        }
    }

    /// The sockets leave the rooms.
    public func socketsLeave(_ rooms: String...) throws(HostError) {
        try withTarget { (target) throws(HostError) in
            try withTexts(rooms) { (names, count) throws(HostError) in
                try host.check(host.roomTable.leave_all?(host.pointer, target, names, count), "rooms.leave_all")
            }
        }
    }

    /// The sockets leave the namespace; `close: true`: their whole connections are closed.
    public func disconnectSockets(close: Bool = false) throws(HostError) {
        try withTarget { (target) throws(HostError) in
            try host.check(
                host.socketTable.disconnect_all?(host.pointer, target, close ? 1 : 0), "sockets.disconnect_all")
        }
    }

    // MARK: C structures

    func withTarget<Result>(_ body: (UnsafePointer<jf_target>) throws(HostError) -> Result) throws(HostError) -> Result
    {
        try withText(namespace) { (name) throws(HostError) in
            try withTexts(rooms) { (rooms, roomCount) throws(HostError) in
                try withTexts(excepted) { (except, exceptCount) throws(HostError) in
                    // Without a call of `to`: all sockets of the namespace. The host refuses an empty list of rooms.
                    let all = selectsRooms ? 0 : JF_TARGET_ALL
                    var target = jf_target(
                        struct_size: UInt32(MemoryLayout<jf_target>.size), flags: targetFlags | all, nsp: name,
                        user: jf_text(), rooms: rooms,
                        except_rooms: except, room_count: roomCount, except_count: exceptCount, socket: 0,
                        except_socket: exceptSocket)
                    return try body(&target)
                }
            }
        }
    }

    private func with(_ change: (inout BroadcastOperator) -> Void) -> BroadcastOperator {
        var copy = self
        change(&copy)
        return copy
    }
}

extension BroadcastOperator {
    /// Sends an event to the sockets and waits for their answers. If the time runs out, ``Answers/isComplete`` is false
    /// and ``Answers/received`` has the answers that came. It may resume on any thread.
    public func emitWithAck(_ name: String, _ arguments: any Encodable...) async throws -> Answers {
        let encoded = try EventArguments(arguments)
        return try await withCheckedThrowingContinuation { continuation in
            let context = CallbackBox<Answers> { _, _, answers in continuation.resume(returning: answers) }.retained()
            do {
                try withTarget { (target) throws(HostError) in
                    try host.withMessage(name, encoded, flags: flags) { (message) throws(HostError) in
                        try host.check(
                            host.events.broadcast_ack?(
                                host.pointer, target, message, ackTimeout, Self.answered, context),
                            "events.broadcast_ack")
                    }
                }
            } catch {
                CallbackBox<Answers>.discard(context)
                continuation.resume(throwing: error)
            }
        }
    }

    private static let answered: jf_answers_fn = { instance, context, answers in
        guard let box = CallbackBox<Answers>.reclaim(context), let instance = Instance.of(instance), let answers else {
            return
        }
        box.body(instance.plugin, instance.host, Answers(answers.pointee))
    }
}

extension BroadcastOperator {
    /// Finds the sockets, at most 100,000, with their ids, users, data and rooms. It may resume on any thread.
    public func fetchSockets() async throws -> [FetchedSocket] {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try fetch(CallbackBox { _, _, result in continuation.resume(with: result) })
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Finds the sockets and passes them to `body` on the strand.
    public func fetchSockets<P: Plugin>(
        _ type: P.Type, _ body: @escaping @Sendable (P, Result<[FetchedSocket], any Error>) -> Void
    ) throws {
        try fetch(
            CallbackBox { plugin, _, result in
                if let plugin = plugin as? P { body(plugin, result) }
            })
    }

    private func fetch(_ box: CallbackBox<Result<[FetchedSocket], any Error>>) throws {
        let context = box.retained()
        do {
            try withTarget { (target) throws(HostError) in
                let parts = JF_PART_ID | JF_PART_USER | JF_PART_DATA | JF_PART_ROOMS | JF_PART_CONNECTION
                try host.check(
                    host.socketTable.fetch?(host.pointer, target, parts, Self.fetched, context), "sockets.fetch")
            }
        } catch {
            CallbackBox<Result<[FetchedSocket], any Error>>.discard(context)
            throw error
        }
    }

    private static let fetched: jf_fetched_fn = { instance, context, fetched in
        guard let box = CallbackBox<Result<[FetchedSocket], any Error>>.reclaim(context),
            let instance = Instance.of(instance), let fetched
        else { return }
        box.body(instance.plugin, instance.host, .success(FetchedSocket.all(in: fetched.pointee, host: instance.host)))
    }
}

/// A socket that ``BroadcastOperator/fetchSockets()`` found, with its state at that moment.
public struct FetchedSocket: Sendable {
    /// The socket, for further calls.
    public let socket: Socket

    /// The Socket.IO id, `socket.id` on the client.
    public let id: String

    /// Its rooms, its own id first.
    public let rooms: [String]

    /// The data that a plugin stored with ``Socket/setData(_:)``.
    public let data: JSON

    public var user: String? { socket.user }

    /// The current transport: a client that upgrades starts with `polling`.
    public let transport: TransportKind?

    /// The same number for all sockets of one client's connection; never used twice.
    public let connection: UInt64

    static func all(in fetched: jf_fetched, host: JackfieldHost) -> [FetchedSocket] {
        guard let items = fetched.items else { return [] }
        return (0..<Int(clamping: fetched.count)).map { index in
            let item = UnsafeRawPointer(items).advanced(by: index * Int(fetched.stride)).assumingMemoryBound(
                to: jf_socket_info.self
            ).pointee
            return FetchedSocket(
                socket: Socket(
                    host: host, handle: item.socket, namespace: String(item.nsp), user: .unlessEmpty(item.user)),
                id: String(item.id),
                rooms: UnsafeBufferPointer(start: item.rooms, count: Int(item.room_count)).map { String($0) },
                data: JSON(unchecked: Array(UnsafeRawBufferPointer(item.data))),
                transport: TransportKind(item.transport), connection: item.connection)
        }
    }
}
