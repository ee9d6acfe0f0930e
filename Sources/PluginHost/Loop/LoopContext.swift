import SocketIO
import Support
import Synchronization
import Transport

/// The plugin host on one event loop: what its shard asks and tells, and what plugins' threads ask of it.
///
/// `@unchecked Sendable`: `directory`, `mailbox`, `loop` and the atomics are for any thread, `lastAsked` is the control
/// thread's; everything else is touched on the loop only.
final class LoopContext: @unchecked Sendable, Application {
    /// Both live as long as the process: late callers may hold either.
    let host: Host
    /// Which host it is, for comparison.
    private let hostID: UnsafeRawPointer
    let index: Int
    let directory = SocketDirectory()
    /// The host's own; each plugin has one of its own for each loop.
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
    /// [loop] Strands that were given work in this tick and sleep.
    private var sleepers: [Strand] = []
    /// [loop] Other loops that were given work in this tick, and where it is.
    private var others: [(loop: LoopContext, mailbox: LoopMailbox)] = []
    /// [loop] Mailboxes that hold something.
    private var busy: [LoopMailbox] = []
    /// [loop] What is left of their time.
    private var timeSlice = LoopTimeSlice()
    /// [loop] The share is used up, and the loop has not looked at its connections yet.
    private var isPausing = false

    /// The ``InlineMeter`` of the inline callback that runs, as an address; 0: none.
    private let current = Atomic<UInt>(0)
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

    /// [control] What the control thread asked last.
    var lastAsked: BlockingFuture<Bool>?
    /// [control] Whether the loop has not come to it yet.
    var isBusy: Bool { lastAsked?.isSettled == false }

    /// Whether the loop runs, and may be given work.
    let isAttached = Atomic<Bool>(false)

    /// [loop] Makes the calling thread this loop's, for this host.
    func attach(_ shard: Shard) {
        self.shard = shard
        thread = ThreadState.install(loop: self)
        SignalMask.clear()
        isAttached.store(true, ordering: .releasing)
    }

    /// [loop] From now on these declarations are in force. What namespaces have of the old ones is renewed
    /// when they are next used.
    func adopt(_ snapshot: DispatchSnapshot) {
        self.snapshot = snapshot
        shard?.namespaceTable = snapshot.table
    }

    /// Whether a handle that a plugin of this host uses is one of this loop's sockets.
    @inline(__always)
    func owns(_ socket: SocketHandle, for plugin: LoadedPlugin) -> Bool {
        socket.shardIndex == index && plugin.hostID == hostID
    }

    // MARK: From other threads

    /// Runs `body` on the loop: here and now if this is its thread, else after what was asked before in
    /// the same way. [any-thread]
    ///
    /// - Parameter mailbox: of the plugin that asks; else the host's own.
    func runOrEnqueue(in mailbox: LoopMailbox? = nil, _ body: @escaping @Sendable () -> Void) {
        if ThreadState.current?.loop === self { return body() }
        let task = LoopTask { _ in
            body()
            return nil
        }
        post(task, in: mailbox ?? self.mailbox, bytes: 0, promised: true)
    }

    /// Hands work over to the loop. [any-thread]
    ///
    /// - Returns: `false` if the mailbox is full.
    @discardableResult
    func post(_ task: LoopTask, in mailbox: LoopMailbox, bytes: Int, promised: Bool = false) -> Bool {
        guard let mustNotify = mailbox.append(task, bytes: bytes, promised: promised) else { return false }
        if mustNotify { notify(of: mailbox) }
        return true
    }

    /// A mailbox for this loop holds something. [any-thread]
    ///
    /// Another loop says so when its tick is over: what it broadcasts in one tick goes out in one of this loop's, too.
    func notify(of mailbox: LoopMailbox) {
        if let currentLoop = ThreadState.current?.loop, currentLoop !== self {
            return currentLoop.notifyLater(self, of: mailbox)
        }
        if let batch = JobBatch.current { return batch.notifyAtEnd(mailbox) { [self] in notifyNow(of: mailbox) } }
        notifyNow(of: mailbox)
    }

    private func notifyNow(of mailbox: LoopMailbox) {
        loop.execute { [self] _ in startDraining(mailbox) }
    }

    /// [loop]
    private func notifyLater(_ other: LoopContext, of mailbox: LoopMailbox) {
        if others.isEmpty { loop.execute { [self] _ in notifyOthers() } }
        others.append((other, mailbox))
    }

    private func notifyOthers() {
        while let (other, _) = others.first {
            let mailboxes = others.filter { $0.loop === other }.map(\.mailbox)
            others.removeAll { $0.loop === other }
            other.loop.execute { _ in for mailbox in mailboxes { other.startDraining(mailbox) } }
        }
    }

    // MARK: What mailboxes hold [loop]

    /// A mailbox holds something.
    private func startDraining(_ mailbox: LoopMailbox) {
        guard !mailbox.isListed else { return }
        // While it does not pause, no other mailbox holds anything.
        if !isPausing, !drain(mailbox) { return pauseIfNeeded() }
        mailbox.isListed = true
        busy.append(mailbox)
        if !isPausing { drainAll() }
    }

    /// Does what the mailboxes hold, each in its turn, until their share of the loop's time is used up.
    private func drainAll() {
        while !timeSlice.isUsedUp, !busy.isEmpty {
            let mailbox = busy.removeFirst()
            if drain(mailbox) { busy.append(mailbox) } else { mailbox.isListed = false }
        }
        pauseIfNeeded()
    }

    /// - Returns: whether it holds more.
    @inline(__always)
    private func drain(_ mailbox: LoopMailbox) -> Bool {
        mailbox.drain(on: shard, &timeSlice) { record in execute(record) }
    }

    /// With the share used up, the loop writes what was made, looks at its connections, and then goes on.
    @inline(__always)
    private func pauseIfNeeded() {
        guard timeSlice.isUsedUp else { return }
        isPausing = true
        loop.executeAfterInput { [self] _ in
            isPausing = false
            timeSlice.renew()
            drainAll()
        }
    }

    private func execute(_ record: UnsafePointer<LoopMailbox.Record>) -> LoopWork? {
        let head = record.pointee
        if head.kind == .task {
            // The one reference that `post` gave away.
            let task = Unmanaged<LoopTask>.fromOpaque(UnsafeRawPointer(bitPattern: UInt(head.number))!)
                .takeRetainedValue()
            return task.run(self)
        }
        guard let socket = shard.socket(head.socket) else { return nil }
        var cursor = UnsafeRawPointer(record) + MemoryLayout<LoopMailbox.Record>.size
        let lengths = cursor
        cursor += 4 * Int(head.attachmentCount)
        func readBytes(_ count: UInt32) -> UnsafeRawBufferPointer {
            defer { cursor += Int(count) }
            return UnsafeRawBufferPointer(start: cursor, count: Int(count))
        }
        let name = readBytes(head.nameCount)
        let args = readBytes(head.argsCount)
        switch head.kind {
        case .emit, .ack:
            withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: Int(head.attachmentCount)) {
                attachments in
                for index in attachments.indices {
                    attachments.initializeElement(
                        at: index, to: readBytes(lengths.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
                }
                if head.kind == .emit {
                    socket.emit(
                        name: name, args: args, attachments: UnsafeBufferPointer(attachments),
                        flags: EmitFlags(rawValue: head.flags))
                } else {
                    socket.ack(head.number, args: args, attachments: UnsafeBufferPointer(attachments))
                }
            }
        case .join: _ = join(socket, ByteString(decoding: name), isReserved: true)
        case .leave: leave(socket, ByteString(decoding: name))
        case .task: break
        }
        return nil
    }

    // MARK: Inline callbacks

    /// [loop] Calls an inline callback of a plugin and measures it.
    func measure<Result>(_ meter: InlineMeter, _ body: () -> Result) -> Result {
        let isTimed = meter.line(index).pointee.begin()
        let start = isTimed ? Clock.monotonicNanoseconds : 0
        let outer = enter(.passUnretained(meter))
        let result = body()
        leave(to: outer)
        if isTimed { meter.timed(Clock.monotonicNanoseconds - start, loop: index) }
        return result
    }

    /// [loop] An inline callback begins.
    ///
    /// - Returns: the one that it interrupts, for ``leave(to:)``.
    @inline(__always)
    func enter(_ meter: Unmanaged<InlineMeter>) -> UInt {
        let outer = current.load(ordering: .relaxed)
        current.store(UInt(bitPattern: meter.toOpaque()), ordering: .releasing)
        return outer
    }

    /// [loop] It has returned.
    @inline(__always)
    func leave(to outer: UInt) { current.store(outer, ordering: .relaxed) }

    /// The inline callback that runs just now, and how many calls of it there have been on this loop. [any-thread]
    var running: (meter: InlineMeter, calls: UInt64)? {
        guard let address = UnsafeRawPointer(bitPattern: current.load(ordering: .acquiring)) else { return nil }
        // Meters are never freed.
        let meter = Unmanaged<InlineMeter>.fromOpaque(address).takeUnretainedValue()
        return (meter, meter.line(index).pointee.calls.load(ordering: .relaxed))
    }

    // MARK: To strands

    /// [loop] Wakes a strand when this tick is over: what the rest of the tick has for it comes along.
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

/// An event loop as the plugin host needs it.
public protocol HostLoop: Sendable {
    /// 0…255; the loop index in its sockets' handles.
    var index: Int { get }
    /// [any-thread] Runs `job` on the loop, after what was given to it before by the same thread.
    func execute(_ job: @escaping @Sendable (Shard) -> Void)
    /// [loop] Runs `job` in a later tick: after what this tick wrote is on its way, and the loop has
    /// looked at its connections.
    func executeAfterInput(_ job: @escaping @Sendable (Shard) -> Void)
}

extension Loop: HostLoop {}
