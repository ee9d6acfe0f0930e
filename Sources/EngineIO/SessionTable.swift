import Support

/// The sessions of one endpoint on one event loop. [loop]
public final class SessionTable {
    public private(set) var options: EngineOptions
    public let timers: TimerWheel
    /// The loop's index, which is encoded in the ids of its sessions.
    public let loop: Int
    public internal(set) var counters = SessionCounters()
    /// Called when the first session needs work at the end of the tick: ``tickEnded()`` must then be called.
    public var onDirty: (() -> Void)?

    /// Charged with the memory that the sessions use.
    let account: MemoryAccount
    /// Called when a session has ended, with the request that opened it.
    public var onRemoved: ((HandshakeRequest) -> Void)?
    var unconnected = UnconnectedSessions()

    private var sessions: [SessionID: Session] = [:]
    private var dirty: [Session] = []
    private var generator = RandomBits()

    public init(options: EngineOptions, timers: TimerWheel, loop: Int, account: MemoryAccount = MemoryAccount()) {
        self.options = options
        self.timers = timers
        self.loop = loop
        self.account = account
    }

    /// Puts the limits of output and of unconnected sessions in force. The other options stay, because clients know
    /// them from the open packet.
    public func adopt(limitsOf new: EngineOptions) {
        options.maxBufferedOutput = new.maxBufferedOutput
        options.maxUnconnectedSessions = new.maxUnconnectedSessions
        options.maxUnconnectedBytes = new.maxUnconnectedBytes
    }

    /// Number of sessions, including those that wait for their last poll.
    public var count: Int { sessions.count }

    /// The session of this id.
    public subscript(id: SessionID) -> Session? { sessions[id] }

    /// All sessions, unordered.
    public var all: [Session] { Array(sessions.values) }

    /// Opens a session for a polling handshake and answers it with the open packet. The caller sets the receiver.
    public func open(_ handshakeRequest: HandshakeRequest, answering poll: any PollOutput) -> Session {
        let session = insert(handshakeRequest, webSocket: nil, usesBase64: false)
        poll.opened(session)
        let packet = openPacket(of: session)
        poll.answer(count: packet.count, compress: true) { $0.copyBytes(from: packet) }
        return session
    }

    /// Opens a session on a WebSocket and sends the open packet. The caller sets the receiver.
    public func open(
        _ handshakeRequest: HandshakeRequest, over webSocket: any WebSocketOutput, usesBase64: Bool = false
    ) -> Session {
        let session = insert(handshakeRequest, webSocket: webSocket, usesBase64: usesBase64)
        let packet = openPacket(of: session)
        webSocket.send(.text, count: packet.count, compress: true) { $0.copyBytes(from: packet) }
        return session
    }

    /// Must be called at the end of the loop's tick: answers polls and ends sessions that have overflowed.
    public func tickEnded() {
        // Ending one session may mark others dirty; they belong to the same tick.
        while !dirty.isEmpty {
            let sessions = dirty
            dirty.removeAll(keepingCapacity: true)
            for session in sessions { session.tickEnded() }
        }
    }

    func markDirty(_ session: Session) {
        guard !session.isDirty else { return }
        session.isDirty = true
        dirty.append(session)
        if dirty.count == 1 { onDirty?() }
    }

    func remove(_ session: Session) {
        sessions[session.id] = nil
        // A dictionary does not shrink by itself.
        if sessions.capacity > Self.keptCapacity, sessions.count < sessions.capacity / 8 {
            sessions = sessions.filter { _ in true }
        }
        account.charge(-session.handshakeRequest.size)
        if !session.hasJoined { unconnected.left(bytes: session.handshakeRequest.size) }
        onRemoved?(session.handshakeRequest)
    }

    /// A dictionary with at most this capacity is not shrunk.
    private static let keptCapacity = 4_096

    // MARK: - Unconnected sessions

    /// Number of sessions that have joined no namespace.
    public var unconnectedCount: Int { unconnected.count }

    /// Ends a session that has joined no namespace. Does nothing if it has joined one or has ended.
    public func displace(_ id: SessionID) {
        guard let session = unconnectedSession(id) else { return }
        displace(session)
    }

    /// Ends the newest session that has joined no namespace.
    /// - Returns: the size of its request in bytes; nil if there is no such session.
    public func displaceNewest() -> Int? {
        guard let session = unconnected.popNewest(unconnectedSession) else { return nil }
        displace(session)
        return session.handshakeRequest.size
    }

    private func unconnectedSession(_ id: SessionID) -> Session? {
        guard let session = sessions[id], !session.hasJoined else { return nil }
        return session
    }

    private func displace(_ session: Session) {
        counters.displaced += 1
        session.abort(.forcedClose)
    }

    /// Ends the oldest unconnected sessions until one more is within the limits.
    private func displaceOldest(for size: Int) {
        unconnected.compact(unconnectedSession)
        while unconnected.count >= options.maxUnconnectedSessions
            || unconnected.bytes + size > options.maxUnconnectedBytes
        {
            guard let session = unconnected.popOldest(unconnectedSession) else { return }
            displace(session)
        }
    }

    private func insert(_ handshakeRequest: HandshakeRequest, webSocket: (any WebSocketOutput)?, usesBase64: Bool)
        -> Session
    {
        displaceOldest(for: handshakeRequest.size)
        let id = SessionID.make(loop: loop, using: &generator)
        let session = Session(
            id: id, handshakeRequest: handshakeRequest, table: self, webSocket: webSocket, usesBase64: usesBase64)
        sessions[id] = session
        counters.opened += 1
        unconnected.add(id, bytes: handshakeRequest.size)
        account.charge(handshakeRequest.size)
        return session
    }

    /// The open packet `0{…}`: exactly the reference's keys, in its order.
    private func openPacket(of session: Session) -> [UInt8] {
        let upgrades = options.upgrades(from: session.transport).map { "\"\($0.rawValue)\"" }.joined(separator: ",")
        return Array(
            """
            0{"sid":"\(session.id)","upgrades":[\(upgrades)],"pingInterval":\(options.pingInterval),\
            "pingTimeout":\(options.pingTimeout),"maxPayload":\(options.maxPayload)}
            """.utf8)
    }
}

/// The sessions of one table that have joined no namespace, oldest first. [loop]
///
/// Sessions that joined or ended stay in the list until a search reaches them, or until they are more than half of it.
struct UnconnectedSessions {
    private var ids: ContiguousArray<SessionID> = []
    /// The index of the first id in use.
    private var head = 0
    /// Number of sessions.
    private(set) var count = 0
    /// Total size of their requests.
    private(set) var bytes = 0

    /// Number of ids in the list, including sessions that have left.
    var listed: Int { ids.count }

    mutating func add(_ id: SessionID, bytes size: Int) {
        ids.append(id)
        count += 1
        bytes += size
    }

    /// Called when a session has joined a namespace or ended.
    mutating func left(bytes size: Int) {
        count -= 1
        bytes -= size
        if count == 0 {
            ids = []
            head = 0
        }
    }

    /// Removes the oldest session; nil if there is none.
    /// - Parameter find: the session of an id, if it is still unconnected.
    mutating func popOldest(_ find: (SessionID) -> Session?) -> Session? {
        while head < ids.count {
            head += 1
            if let session = find(ids[head - 1]) { return session }
        }
        return nil
    }

    /// Removes the newest session; nil if there is none.
    mutating func popNewest(_ find: (SessionID) -> Session?) -> Session? {
        while head < ids.count {
            if let session = find(ids.removeLast()) { return session }
        }
        return nil
    }

    /// Removes the ids of sessions that have left, if they are more than half of the list.
    mutating func compact(_ find: (SessionID) -> Session?) {
        guard ids.count > 64, ids.count > 2 * count else { return }
        ids = ContiguousArray(ids[head...].filter { find($0) != nil })
        head = 0
    }
}

/// Counters of one endpoint on one loop.
public struct SessionCounters: Sendable, Equatable {
    /// Sessions opened.
    public var opened: UInt64 = 0
    /// Sessions ended because their reader was too slow (``EngineOptions/maxBufferedOutput``).
    public var overflowed: UInt64 = 0

    /// Sessions ended because too many had joined no namespace (``EngineOptions/maxUnconnectedSessions``,
    /// ``EngineOptions/maxUnconnectedBytes``), or because the memory budget was exceeded.
    public var displaced: UInt64 = 0

    public init() {}
}
