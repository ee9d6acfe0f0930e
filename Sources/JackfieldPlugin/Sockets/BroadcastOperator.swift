/// Sockets of a namespace, and what to do with them. Built up like the reference server's broadcast operator; every step makes
/// a new one: `io.to("a", "b").except("c").volatile.emit("news", item)`.
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

    /// In any of the rooms, each socket once. A socket's own id is a room. An empty list is an error when it is used: it never means everybody.
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
            try host.check(host.socketTable.disconnect_all?(host.pointer, target, close ? 1 : 0), "sockets.disconnect_all")
        }
    }

    // MARK: For C

    func withTarget<Result>(_ body: (UnsafePointer<jf_target>) throws(HostError) -> Result) throws(HostError) -> Result {
        try withText(namespace) { (name) throws(HostError) in
            try withTexts(rooms) { (rooms, roomCount) throws(HostError) in
                try withTexts(excepted) { (except, exceptCount) throws(HostError) in
                    // No room named: all sockets of the namespace. An empty list of rooms selects nobody and is refused by the host.
                    let all = selectsRooms ? 0 : JF_TARGET_ALL
                    var target = jf_target(
                        struct_size: UInt32(MemoryLayout<jf_target>.size), flags: targetFlags | all, nsp: name, user: jf_text(), rooms: rooms,
                        except_rooms: except, room_count: roomCount, except_count: exceptCount, socket: 0, except_socket: exceptSocket)
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
