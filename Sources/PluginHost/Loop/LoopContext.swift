import SocketIO
import Support
import Synchronization
import Transport

/// The plugin host on one event loop: what its shard asks and tells, and what plugins' threads ask of it.
///
/// `@unchecked Sendable`: `directory`, `mailbox`, `loop` and the atomics are for any thread; everything else is touched on the loop only.
final class LoopContext: @unchecked Sendable, Application {
    /// Both live as long as the process: late callers may hold either.
    let host: Host
    /// Which host it is, for comparison.
    private let hostID: UnsafeRawPointer
    let index: Int
    let directory = SocketDirectory()
    let mailbox: LoopMailbox
    private let loop: any HostLoop

    /// [loop] The declarations in force here.
    private(set) var snapshot: DispatchSnapshot
    /// [loop]
    private(set) var shard: Shard!
    /// [loop] The thread's own.
    var thread: ThreadState!
    /// [loop] ``HTTPRouter``'s routes as this loop last copied them, and their version; -1: never.
    var routes = RouteTable()
    var routesVersion = -1
    /// [loop] Strands that were given work in this turn and sleep.
    private var sleepers: [Strand] = []
    /// [loop] Other loops that were given work in this turn.
    private var others: [LoopContext] = []

    /// Events that nobody registered.
    let unknownEvents = Atomic<UInt64>(0)

    init(_ loop: any HostLoop, host: Host, snapshot: DispatchSnapshot) {
        self.loop = loop
        self.host = host
        self.hostID = UnsafeRawPointer(Unmanaged.passUnretained(host).toOpaque())
        self.index = loop.index
        self.snapshot = snapshot
        mailbox = LoopMailbox(byteLimit: host.options.mailboxBytes)
    }

    /// Whether the loop runs, and may be given work.
    let isAttached = Atomic<Bool>(false)

    /// [loop] Makes the calling thread this loop's, for this host.
    func attach(_ shard: Shard) {
        self.shard = shard
        thread = ThreadState.install(loop: self)
        isAttached.store(true, ordering: .releasing)
    }

    /// [loop] From now on these declarations are in force. What namespaces have of the old ones is renewed when they are next used.
    func adopt(_ snapshot: DispatchSnapshot) {
        self.snapshot = snapshot
        shard?.namespaceTable = snapshot.table
    }

    /// Whether a handle that a plugin of this host uses is one of this loop's sockets.
    @inline(__always)
    func owns(_ socket: SocketHandle, for plugin: Plugin) -> Bool { socket.shardIndex == index && plugin.hostID == hostID }

    // MARK: From other threads

    /// Runs `body` on the loop: here and now if this is its thread, else after what was asked before. [any-thread]
    func perform(_ body: @escaping @Sendable () -> Void) {
        if ThreadState.current?.loop === self { return body() }
        post(LoopTask { _ in body() }, bytes: 0, promised: true)
    }

    /// Hands work over to the loop. [any-thread]
    ///
    /// - Returns: `false` if the mailbox is full.
    @discardableResult
    func post(_ task: LoopTask, bytes: Int, promised: Bool = false) -> Bool {
        guard let mustTell = mailbox.append(task, bytes: bytes, promised: promised) else { return false }
        if mustTell { tell() }
        return true
    }

    /// The mailbox holds something. [any-thread]
    ///
    /// Another loop says so when its turn is over: what it broadcasts in one turn goes out in one of this loop's, too.
    func tell() {
        if let teller = ThreadState.current?.loop, teller !== self { return teller.tellLater(self) }
        if let handover = Handover.current { return handover.remind(self) { [self] in tellNow() } }
        tellNow()
    }

    private func tellNow() {
        loop.execute { [self] _ in drain() }
    }

    /// [loop]
    private func tellLater(_ other: LoopContext) {
        if others.isEmpty { loop.execute { [self] _ in tellOthers() } }
        others.append(other)
    }

    private func tellOthers() {
        for other in others { other.loop.execute { _ in other.drain() } }
        others.removeAll(keepingCapacity: true)
    }

    /// [loop]
    private func drain() {
        mailbox.drain { record in perform(record) }
    }

    private func perform(_ record: UnsafePointer<LoopMailbox.Record>) {
        let head = record.pointee
        if head.kind == .task {
            // The one reference that `post` gave away.
            let task = Unmanaged<LoopTask>.fromOpaque(UnsafeRawPointer(bitPattern: UInt(head.number))!).takeRetainedValue()
            return task.run(self)
        }
        guard let socket = shard.socket(head.socket) else { return }
        var cursor = UnsafeRawPointer(record) + MemoryLayout<LoopMailbox.Record>.size
        let lengths = cursor
        cursor += 4 * Int(head.attachmentCount)
        func take(_ count: UInt32) -> UnsafeRawBufferPointer {
            defer { cursor += Int(count) }
            return UnsafeRawBufferPointer(start: cursor, count: Int(count))
        }
        let name = take(head.nameCount)
        let args = take(head.argsCount)
        switch head.kind {
        case .emit, .ack:
            withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: Int(head.attachmentCount)) { attachments in
                for index in attachments.indices {
                    attachments.initializeElement(at: index, to: take(lengths.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
                }
                if head.kind == .emit {
                    socket.emit(name: name, args: args, attachments: UnsafeBufferPointer(attachments), flags: EmitFlags(rawValue: head.flags))
                } else {
                    socket.ack(head.number, args: args, attachments: UnsafeBufferPointer(attachments))
                }
            }
        case .join: host.join(socket, ByteString(decoding: name))
        case .leave: socket.leave(ByteString(decoding: name))
        case .task: break
        }
    }

    // MARK: Inline callbacks

    /// [loop] Calls an inline callback of a plugin and measures it.
    func measure<Result>(_ meter: InlineMeter, _ body: () -> Result) -> Result {
        let isTimed = meter.line(index).pointee.begin()
        let start = isTimed ? Clock.monotonicNanoseconds : 0
        let result = body()
        if isTimed { meter.timed(Clock.monotonicNanoseconds - start, loop: index) }
        return result
    }

    // MARK: To strands

    /// [loop] Wakes a strand when this turn is over: what the rest of the turn has for it comes along.
    @inline(__always)
    func wakeLater(_ strand: Strand) {
        if sleepers.isEmpty { loop.execute { [self] _ in wakeSleepers() } }
        sleepers.append(strand)
    }

    private func wakeSleepers() {
        for strand in sleepers { strand.wake() }
        sleepers.removeAll(keepingCapacity: true)
    }

    /// [loop] What is in force for a namespace.
    @inline(__always)
    func dispatch(of namespace: Namespace) -> NamespaceDispatch {
        // Nobody but this class hangs anything there.
        if let info = namespace.userInfo {
            let dispatch = unsafeDowncast(info, to: NamespaceDispatch.self)
            if dispatch.snapshot === snapshot { return dispatch }
        }
        let dispatch = NamespaceDispatch(namespace.name, snapshot: snapshot)
        namespace.userInfo = dispatch
        return dispatch
    }
}
