import EngineIO
import Support

/// The sockets and rooms of one event loop. [loop]
public final class Shard {
    /// The loop's index, 0...255: the highest byte of its sockets' handles.
    public let index: Int

    public let timers: TimerWheel

    public let options: SocketOptions

    /// Who decides and listens. Held strongly.
    public let application: any Application

    /// Which namespaces exist. Sockets of a namespace that a new table lacks stay; nobody joins it any more.
    public var namespaceTable: NamespaceTable {
        didSet { namespaceTableChanged() }
    }

    /// Plain counters, read by the host.
    public internal(set) var statistics = ShardStatistics()

    var namespaces: [ByteString: Namespace] = [:]
    /// The main namespace, which most packets are for.
    var main: Namespace?

    /// Every connection, in no order.
    var clients: ContiguousArray<Client> = []

    var slots: ContiguousArray<Slot> = []
    var freeSlot = Slot.none

    /// Where the ids of its sockets come from.
    var randomBits = RandomBits()

    var lastConnection: UInt64 = 0
    var lastMark: UInt64 = 0

    /// The latest place in recovery's log that a socket of this shard was restored through.
    var restoredThrough: UInt64 = 0
    /// Attempts that wait for another shard to close what their client left there, and how they go on.
    var suspended: [UInt64: (attempt: ConnectAttempt, proceed: () -> Void)] = [:]
    var lastSuspension: UInt64 = 0

    let parser: PacketParser

    struct Slot {
        static let none = Int32(-1)

        var socket: NamespaceSocket?
        var generation: UInt32
        /// The next free slot, while this one is.
        var next: Int32
    }

    public init(
        index: Int, timers: TimerWheel, options: SocketOptions = SocketOptions(), namespaceTable: NamespaceTable = .main,
        application: any Application
    ) {
        precondition((0...255).contains(index), "a shard's index has one byte in its sockets' handles")
        self.index = index
        self.timers = timers
        self.options = options
        self.parser = PacketParser(maxAttachments: options.maxAttachments, maxEventNameLength: options.maxEventNameLength)
        self.namespaceTable = namespaceTable
        self.application = application
    }

    /// Takes a new session in; becomes its receiver.
    public func open(_ session: Session) {
        lastConnection += 1
        let client = Client(session: session, shard: self, connection: UInt64(index) << 56 | lastConnection)
        session.receiver = client
        client.awaitConnect()
    }

    /// Closes every connection, those included that joined no namespace: the shard's part of a graceful stop.
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

    /// The socket of `handle`; `nil` once it is gone, or if it is another shard's.
    public func socket(_ handle: SocketHandle) -> NamespaceSocket? {
        let slot = handle.slot
        guard slot < slots.count, handle.shardIndex == index, slots[slot].generation == handle.generation else { return nil }
        return slots[slot].socket
    }

    /// The socket with this id in `namespace`, if it is one of this shard.
    public func socket(id: ByteString, in namespace: ByteString) -> NamespaceSocket? {
        guard let id = SocketID(id), let namespace = namespaces[namespace] else { return nil }
        return namespace.socket(id: id)
    }

    /// The live namespaces of this shard, to find or reset what the application hung on them.
    public func forEachNamespace(_ body: (Namespace) -> Void) {
        for namespace in Array(namespaces.values) { body(namespace) }
    }

    /// The live namespace called `name`.
    public func namespace(_ name: ByteString) -> Namespace? {
        namespaces[name]
    }
}
