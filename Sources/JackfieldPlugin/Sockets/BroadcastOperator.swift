/// Sockets of a namespace, and what to do with them. Built up like the reference server's broadcast operator; every
/// step makes a new one: `io.to("a", "b").except("c").volatile.emit("news", item)`.
public struct BroadcastOperator: Sendable {
    /// Milliseconds. The reference server has no default and then waits for ever.
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

    // MARK: Whom

    /// In any of the rooms, each socket once. A socket's own id is a room. An empty list is an error when it is used:
    /// it never means everybody.
    public func to(_ rooms: String...) -> BroadcastOperator { to(rooms) }
    public func to(_ rooms: [String]) -> BroadcastOperator {
        with {
            $0.rooms += rooms
            $0.selectsRooms = true
        }
    }

    /// Every socket of this user, on all tabs and devices.
    public func to(user: String) -> BroadcastOperator { to(["user:" + user]) }

    /// Not in any of these.
    public func except(_ rooms: String...) -> BroadcastOperator { except(rooms) }
    public func except(_ rooms: [String]) -> BroadcastOperator { with { $0.excepted += rooms } }

    /// Not this one, usually the sender.
    public func except(_ socket: Socket) -> BroadcastOperator { with { $0.exceptSocket = socket.handle } }

    /// This node only, where there are several.
    public var local: BroadcastOperator { with { $0.targetFlags |= JF_TARGET_LOCAL } }

    // MARK: How

    /// Dropped where the transport cannot take it now.
    public var volatile: BroadcastOperator { with { $0.flags |= JF_MESSAGE_VOLATILE } }

    /// Spends no compression on it.
    public var uncompressed: BroadcastOperator { with { $0.flags |= JF_MESSAGE_UNCOMPRESSED } }

    /// How long ``emitWithAck(_:_:)`` waits, in milliseconds (1 to 3,600,000).
    public func timeout(_ milliseconds: UInt32) -> BroadcastOperator { with { $0.ackTimeout = milliseconds } }

    // MARK: What

    /// Sends an event to all of them, encoded once. That nobody is there is no error.
    public func emit(_ name: String, _ arguments: any Encodable...) throws {
        try emit(name, arguments: EventArguments(arguments))
    }

    /// The same with one argument that is JSON already.
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

    /// Every one of them joins the rooms.
    public func socketsJoin(_ rooms: String...) throws(HostError) {
        try withTarget { (target) throws(HostError) in
            try withTexts(rooms) { (names, count) throws(HostError) in
                try host.check(host.roomTable.join_all?(host.pointer, target, names, count), "rooms.join_all")
            }
        }
    }

    /// Every one of them leaves the rooms.
    public func socketsLeave(_ rooms: String...) throws(HostError) {
        try withTarget { (target) throws(HostError) in
            try withTexts(rooms) { (names, count) throws(HostError) in
                try host.check(host.roomTable.leave_all?(host.pointer, target, names, count), "rooms.leave_all")
            }
        }
    }

    /// Every one of them leaves the namespace; `close: true`: the whole connections are closed.
    public func disconnectSockets(close: Bool = false) throws(HostError) {
        try withTarget { (target) throws(HostError) in
            try host.check(
                host.socketTable.disconnect_all?(host.pointer, target, close ? 1 : 0), "sockets.disconnect_all")
        }
    }

    // MARK: For C

    func withTarget<Result>(_ body: (UnsafePointer<jf_target>) throws(HostError) -> Result) throws(HostError) -> Result
    {
        try withText(namespace) { (name) throws(HostError) in
            try withTexts(rooms) { (rooms, roomCount) throws(HostError) in
                try withTexts(excepted) { (except, exceptCount) throws(HostError) in
                    // No room named: all sockets of the namespace. An empty list of rooms selects nobody
                    // and is refused by the host.
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
    /// Sends an event to all of them and waits for their answers. When the time runs out, ``Answers/isComplete`` is
    /// false and those that came are there. It resumes on no particular thread.
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
    /// Finds the sockets, with their ids, users, data and rooms: at most 100,000. It resumes on no particular thread.
    public func fetchSockets() async throws -> [FetchedSocket] {
        try await withCheckedThrowingContinuation { continuation in
            do {
                try fetch(CallbackBox { _, _, result in continuation.resume(with: result) })
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Finds the sockets; `body` gets them on the strand.
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

/// A socket that ``BroadcastOperator/fetchSockets()`` found, as it was at that moment.
public struct FetchedSocket: Sendable {
    /// To emit to it, to disconnect it, and so on.
    public let socket: Socket

    /// What the client calls `socket.id`.
    public let id: String

    /// Its rooms, the own id first.
    public let rooms: [String]

    /// What plugins have stored with ``Socket/setData(_:)``.
    public let data: JSON

    public var user: String? { socket.user }

    /// Now: a client that upgrades is `polling` first.
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
