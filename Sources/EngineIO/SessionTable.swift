import Support

/// The sessions of one endpoint that live on one event loop. [loop]
public final class SessionTable {
    public let options: EngineOptions
    public let timers: TimerWheel
    /// Index of the loop, which the sessions' ids tell.
    public let loop: Int
    public internal(set) var counters = SessionCounters()
    /// Called when a session has something to do at the end of the loop's tick: ``tickEnded()`` must follow.
    public var onDirty: (() -> Void)?

    /// Charged with what sessions hold.
    let account: MemoryAccount
    /// Called when a session is over, with the request that opened it.
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

    /// How many there are, those that wait for their last poll included.
    public var count: Int { sessions.count }

    /// The session of this id.
    public subscript(id: SessionID) -> Session? { sessions[id] }

    /// All of them, in no order.
    public var all: [Session] { Array(sessions.values) }

    /// Opens a session by a polling handshake, and answers it with the open packet. The caller sets its receiver.
    public func open(_ handshakeRequest: HandshakeRequest, answering poll: any PollOutput) -> Session {
        let session = insert(handshakeRequest, webSocket: nil, usesBase64: false)
        poll.opened(session)
        let packet = openPacket(of: session)
        poll.answer(count: packet.count, compress: true) { $0.copyBytes(from: packet) }
        return session
    }

    /// Opens a session on a WebSocket and sends the open packet. The caller sets its receiver.
    public func open(
        _ handshakeRequest: HandshakeRequest, over webSocket: any WebSocketOutput, usesBase64: Bool = false
    ) -> Session {
        let session = insert(handshakeRequest, webSocket: webSocket, usesBase64: usesBase64)
        let packet = openPacket(of: session)
        webSocket.send(.text, count: packet.count, compress: true) { $0.copyBytes(from: packet) }
        return session
    }

    /// The loop's tick is over: what was sent in it goes out.
    public func tickEnded() {
        // Ending one session may make others dirty; they are in the same tick.
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
        // A dictionary never shrinks by itself.
        if sessions.capacity > Self.keptCapacity, sessions.count < sessions.capacity / 8 {
            sessions = sessions.filter { _ in true }
        }
        account.charge(-session.handshakeRequest.size)
        if !session.hasJoined { unconnected.left(bytes: session.handshakeRequest.size) }
        onRemoved?(session.handshakeRequest)
    }

    /// A table for so many sessions stays when they have gone.
    private static let keptCapacity = 4_096

    // MARK: - Unconnected sessions

    /// Sessions that have joined no namespace.
    public var unconnectedCount: Int { unconnected.count }

    /// Ends a session that has joined no namespace; one that has, or is over, stays.
    public func displace(_ id: SessionID) {
        guard let session = unconnectedSession(id) else { return }
        displace(session)
    }

    /// Ends the session that came last of those that have joined no namespace.
    /// - Returns: what its request took, in bytes; nil: there is none.
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

    /// Makes room among the unconnected sessions for one more.
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

    /// `0{…}`: exactly these keys, in the reference's order.
    private func openPacket(of session: Session) -> [UInt8] {
        let upgrades = options.upgrades(from: session.transport).map { "\"\($0.rawValue)\"" }.joined(separator: ",")
        return Array(
            """
            0{"sid":"\(session.id)","upgrades":[\(upgrades)],"pingInterval":\(options.pingInterval),\
            "pingTimeout":\(options.pingTimeout),"maxPayload":\(options.maxPayload)}
            """.utf8)
    }
}

/// The sessions of one table that have joined no namespace, in the order they came. [loop]
///
/// Sessions that joined or ended stay in the list until they are met; then, or when they are most
/// of it, they are dropped.
struct UnconnectedSessions {
    private var ids: ContiguousArray<SessionID> = []
    /// Where the list begins.
    private var head = 0
    /// Sessions.
    private(set) var count = 0
    /// What their requests take.
    private(set) var bytes = 0

    /// How many the list holds, those that left included.
    var listed: Int { ids.count }

    mutating func add(_ id: SessionID, bytes size: Int) {
        ids.append(id)
        count += 1
        bytes += size
    }

    /// A session has joined, or is over.
    mutating func left(bytes size: Int) {
        count -= 1
        bytes -= size
        if count == 0 {
            ids = []
            head = 0
        }
    }

    /// The one that has been waiting longest, off the list; nil: there is none.
    /// - Parameter find: the session of an id, if it is still unconnected.
    mutating func popOldest(_ find: (SessionID) -> Session?) -> Session? {
        while head < ids.count {
            head += 1
            if let session = find(ids[head - 1]) { return session }
        }
        return nil
    }

    /// The one that came last, off the list.
    mutating func popNewest(_ find: (SessionID) -> Session?) -> Session? {
        while head < ids.count {
            if let session = find(ids.removeLast()) { return session }
        }
        return nil
    }

    /// Drops those that left, when most did.
    mutating func compact(_ find: (SessionID) -> Session?) {
        guard ids.count > 64, ids.count > 2 * count else { return }
        ids = ContiguousArray(ids[head...].filter { find($0) != nil })
        head = 0
    }
}

/// What one endpoint counted on one loop.
public struct SessionCounters: Sendable, Equatable {
    /// Sessions opened so far.
    public var opened: UInt64 = 0
    /// Sessions ended because their reader was too slow (``EngineOptions/maxBufferedOutput``).
    public var overflowed: UInt64 = 0

    /// Sessions ended because too many waited to join a namespace (``EngineOptions/maxUnconnectedSessions``,
    /// ``EngineOptions/maxUnconnectedBytes``).
    public var displaced: UInt64 = 0

    public init() {}
}
