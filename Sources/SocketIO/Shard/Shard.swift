import EngineIO
import Support

/// The sockets and rooms of one event loop. [loop]
public final class Shard {
    /// The loop's index, 0...255: the highest byte of the handles of its sockets.
    public let index: Int

    public let timers: TimerWheel

    public private(set) var options: SocketOptions

    /// Decides about CONNECTs and receives the events. Held strongly.
    public let application: any Application

    /// The namespaces that exist. If a new table lacks a namespace, its sockets stay, but no client can join it.
    public var namespaceTable: NamespaceTable {
        didSet { namespaceTableChanged() }
    }

    /// Counters without synchronisation; the host reads them on the loop.
    public internal(set) var statistics = ShardStatistics()

    var namespaces: [ByteString: Namespace] = [:]
    /// The main namespace, cached because most packets are for it.
    var main: Namespace?

    /// All connections, unordered.
    var clients: ContiguousArray<Client> = []

    var slots: ContiguousArray<Slot> = []
    var freeSlot = Slot.none

    /// The random numbers for socket ids.
    var randomBits = RandomBits()

    var lastConnection: UInt64 = 0
    var lastMark: UInt64 = 0

    /// The highest recovery sequence number through which a socket of this shard was restored.
    var restoredThrough: UInt64 = 0
    /// Attempts that wait until another shard has closed their client's old connection, with the continuation of each.
    var suspended: [UInt64: (attempt: ConnectAttempt, proceed: () -> Void)] = [:]
    var lastSuspension: UInt64 = 0

    let parser: PacketParser

    struct Slot {
        static let none = Int32(-1)

        var socket: NamespaceSocket?
        var generation: UInt32
        /// The next free slot, if this slot is free.
        var next: Int32
    }

    public init(
        index: Int, timers: TimerWheel, options: SocketOptions = SocketOptions(),
        namespaceTable: NamespaceTable = .main,
        application: any Application
    ) {
        precondition((0...255).contains(index), "a shard's index has one byte in its sockets' handles")
        self.index = index
        self.timers = timers
        self.options = options
        self.parser = PacketParser(
            maxAttachments: options.maxAttachments, maxEventNameLength: options.maxEventNameLength)
        self.namespaceTable = namespaceTable
        self.application = application
    }

    /// Puts the limits of sockets in force that may change. What exceeds a lower one stays.
    public func adopt(limitsOf new: SocketOptions) {
        options.maxRoomsPerSocket = new.maxRoomsPerSocket
        options.maxNamespacesPerClient = new.maxNamespacesPerClient
        options.maxPendingAcks = new.maxPendingAcks
    }

    /// Creates the client of a new session and becomes the session's receiver.
    public func open(_ session: Session) {
        lastConnection += 1
        let client = Client(session: session, shard: self, connection: UInt64(index) << 56 | lastConnection)
        session.receiver = client
        client.awaitConnect()
    }

    /// Closes all connections, including those that joined no namespace, for a graceful stop.
    public func closeAll(reason: CloseReason = .serverShuttingDown) {
        for client in clients { client.shut(DisconnectReason(reason), closing: reason) }
    }

    func remove(_ client: Client) {
        statistics.clients -= 1
        let last = clients.removeLast()
        guard client.place < clients.count else { return }
        clients[Int(client.place)] = last
        last.place = client.place
    }

    /// The socket of `handle`; `nil` if it was disconnected or belongs to another shard.
    public func socket(_ handle: SocketHandle) -> NamespaceSocket? {
        let slot = handle.slot
        guard slot < slots.count, handle.shardIndex == index, slots[slot].generation == handle.generation else {
            return nil
        }
        return slots[slot].socket
    }

    /// The socket with this id in `namespace`, if it is on this shard.
    public func socket(id: ByteString, in namespace: ByteString) -> NamespaceSocket? {
        guard let id = SocketID(id), let namespace = namespaces[namespace] else { return nil }
        return namespace.socket(id: id)
    }

    /// Calls `body` for each namespace of this shard, for instance to reset ``Namespace/userInfo``.
    public func forEachNamespace(_ body: (Namespace) -> Void) {
        for namespace in Array(namespaces.values) { body(namespace) }
    }

    /// The namespace `name`, if this shard has created it.
    public func namespace(_ name: ByteString) -> Namespace? {
        namespaces[name]
    }
}

extension Shard {
    // MARK: - Namespaces

    /// The namespace that a client may join; created if it is declared but does not exist yet.
    ///
    /// - Parameter packetName: the name as in the packet; empty for the main namespace.
    func namespaceToJoin(_ packetName: UnsafeRawBufferPointer) -> Namespace? {
        if packetName.isEmpty, let main { return main.isOpen ? main : nil }
        guard packetName.count <= options.maxNamespaceLength else { return nil }
        let name = packetName.isEmpty ? "/" : ByteString(decoding: packetName)
        if let namespace = namespaces[name] { return namespace.isOpen ? namespace : nil }
        guard namespaceTable.declaration(for: name) != nil else { return nil }
        let isDynamic = !namespaceTable.isStatic(name)
        if isDynamic {
            guard statistics.dynamicNamespaces < options.maxDynamicNamespaces else {
                statistics.limited += 1
                return nil
            }
            statistics.dynamicNamespaces += 1
        }
        let namespace = Namespace(name: name, isDynamic: isDynamic)
        namespaces[name] = namespace
        if name == "/" { main = namespace }
        return namespace
    }

    /// Removes a namespace that was created from a pattern and has neither sockets nor pending attempts.
    func cleanUp(_ namespace: Namespace) {
        guard namespace.isIdle, namespaces[namespace.name] === namespace else { return }
        namespaces[namespace.name] = nil
        statistics.dynamicNamespaces -= 1
    }

    func namespaceTableChanged() {
        for namespace in namespaces.values {
            namespace.isOpen = namespaceTable.declaration(for: namespace.name) != nil
        }
    }

    // MARK: - Sockets

    /// Creates the socket of an accepted attempt and adds it to its namespace and rooms; `nil` if the shard has no free
    /// slot.
    func makeSocket(for attempt: ConnectAttempt, client: Client, credentials: SocketCredentials) -> NamespaceSocket? {
        guard let slot = allocateSlot() else { return nil }
        let handle = SocketHandle(shard: index, slot: slot, generation: slots[slot].generation)
        let namespace = attempt.scope
        let session = attempt.session?.session
        let socket = NamespaceSocket(
            handle: handle, id: session?.socketID ?? .random(using: &randomBits), namespace: namespace, client: client,
            credentials: credentials, attempt: attempt)
        slots[slot].socket = socket
        namespace.sockets[socket.socketID] = Unmanaged.passUnretained(socket)
        statistics.sockets += 1
        socket.add(to: namespace.everyone)
        if let user = credentials.user { socket.joinUnchecked("user:\(user.text)") }
        if let session {
            socket.data = session.data
            // The room of its own id is no entry of `Namespace.rooms`.
            for room in session.rooms where SocketID(room) != socket.socketID { socket.joinUnchecked(room) }
        }
        if let recovery = options.recovery { beginRecovery(of: socket, attempt.session, from: recovery) }
        return socket
    }

    /// Removes a socket from its namespace and rooms, and keeps its session if recovery is on.
    func remove(_ socket: NamespaceSocket, reason: DisconnectReason) {
        if let socketRecovery = socket.socketRecovery, let recovery = options.recovery {
            let session = reason.isRecoverable ? recoverySession(of: socket, socketRecovery) : nil
            recovery.end(socketRecovery.privateID, handle: socket.handle, keeping: session)
        }
        socket.isConnected = false
        socket.leaveAll()
        socket.namespace.sockets[socket.socketID] = nil
        statistics.sockets -= 1
        releaseSlot(socket.handle.slot)
        socket.abandonAcks()
        cleanUp(socket.namespace)
    }

    private func allocateSlot() -> Int? {
        if freeSlot != Slot.none {
            let slot = Int(freeSlot)
            freeSlot = slots[slot].next
            return slot
        }
        guard slots.count < SocketHandle.maximumSlots else { return nil }
        slots.append(Slot(socket: nil, generation: 1, next: Slot.none))
        return slots.count - 1
    }

    private func releaseSlot(_ slot: Int) {
        slots[slot].socket = nil
        // Never 0, so that no handle is 0.
        slots[slot].generation = slots[slot].generation == .max ? 1 : slots[slot].generation + 1
        slots[slot].next = freeSlot
        freeSlot = Int32(truncatingIfNeeded: slot)
    }
}

/// What happened on one shard. Gauges hold a current number; all other counters only increase.
public struct ShardStatistics: Sendable, Hashable {
    /// Gauge: connections, including those that joined no namespace.
    public var clients = 0
    /// Gauge: sockets; a client in three namespaces counts as three.
    public var sockets = 0
    /// Gauge: namespaces created from a pattern.
    public var dynamicNamespaces = 0

    public var connectsAccepted: UInt64 = 0
    public var connectsRefused: UInt64 = 0
    /// CONNECTs to namespaces that do not exist or that a limit forbids.
    public var unknownNamespaces: UInt64 = 0
    public var eventsReceived: UInt64 = 0
    public var acksReceived: UInt64 = 0
    /// Acks with an id that is not pending: late, repeated or invented.
    public var acksIgnored: UInt64 = 0
    public var acksTimedOut: UInt64 = 0
    /// Messages queued by broadcasts, one per socket.
    public var deliveries: UInt64 = 0
    /// Connections closed because of an invalid packet.
    public var badPackets: UInt64 = 0
    /// Connections closed because they joined no namespace in time.
    public var connectTimeouts: UInt64 = 0
    /// Sockets whose session recovery restored.
    public var recovered: UInt64 = 0
    /// Requests that a limit of ``SocketOptions`` refused.
    public var limited: UInt64 = 0

    public init() {}
}
