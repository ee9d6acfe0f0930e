import CCrashReport
import SocketIO
import Support
import Synchronization
import Transport

/// The plugin host on one event loop: answers the shard's callbacks, and runs what plugins' threads enqueue for the
/// loop.
///
/// `@unchecked Sendable`: `directory`, `mailbox`, `loop` and the atomics are thread-safe, `lastControlJob` is used by
/// the control thread only; everything else is used on the loop only.
final class LoopContext: @unchecked Sendable, Application {
    /// Host and context live as long as the process: late callers may hold either.
    let host: Host
    /// The address of ``host``, for comparison without reference counting.
    private let hostID: UnsafeRawPointer
    let index: Int
    let directory = SocketDirectory()
    /// The host's own mailbox; each plugin has another one for each loop.
    let mailbox: LoopMailbox
    private let loop: any HostLoop

    /// [loop] The declarations in force here.
    private(set) var snapshot: DispatchSnapshot
    /// [loop]
    private(set) var shard: Shard!
    /// [loop] The state of the loop's thread.
    var thread: ThreadState!
    /// [loop] A copy of ``HTTPRouter``'s routes and its version; -1: not copied yet.
    var routes = RouteTable()
    var routesVersion = -1
    /// [loop] Sleeping strands that were given work in this tick.
    private var sleepers: [Strand] = []
    /// [loop] Other loops' mailboxes that were given work in this tick.
    private var others: [(loop: LoopContext, mailbox: LoopMailbox)] = []
    /// [loop] Mailboxes with work left, in the order of their turns.
    private var busy: [LoopMailbox] = []
    /// [loop] What is left of the mailboxes' share of the loop's time.
    private var timeSlice = LoopTimeSlice()
    /// [loop] What is held for plugins that are being reloaded; see ``heldCallbacks(of:)``.
    var held: [HeldCallbacks] = []
    /// [loop] Whether the time slice is used up, and the loop has not polled its connections since.
    private var isPausing = false

    /// The ``InlineMeter/mark`` of the inline callback that runs, as an address; 0: none. Never freed, because the
    /// loop's thread has registered it for the report of a crash.
    private let current: UnsafeMutablePointer<Atomic<UInt>>
    /// Events without a handler.
    let unknownEvents = Atomic<UInt64>(0)

    init(_ loop: any HostLoop, host: Host, snapshot: DispatchSnapshot) {
        self.loop = loop
        self.host = host
        self.hostID = UnsafeRawPointer(Unmanaged.passUnretained(host).toOpaque())
        self.index = loop.index
        self.snapshot = snapshot
        mailbox = LoopMailbox(byteLimit: host.options.mailboxBytes)
        current = .allocate(capacity: 1)
        current.initialize(to: Atomic(0))
    }

    /// The address of the word that names the running inline callback.
    var runningWord: UnsafeRawPointer { UnsafeRawPointer(current) }

    /// [control] The last work that the control thread enqueued here.
    var lastControlJob: BlockingFuture<Bool>?
    /// [control] Whether the loop has not run it yet.
    var isBusy: Bool { lastControlJob?.isSettled == false }

    /// Whether the loop runs and may be given work.
    let isAttached = Atomic<Bool>(false)

    /// [loop] Binds the calling thread to this loop.
    func attach(_ shard: Shard) {
        self.shard = shard
        thread = ThreadState.install(loop: self)
        SignalMask.clear()
        isAttached.store(true, ordering: .releasing)
    }

    /// [loop] Puts these declarations in force, and passes on what was held. A namespace's ``NamespaceDispatch`` is
    /// renewed at its next use.
    func adopt(_ snapshot: DispatchSnapshot) {
        self.snapshot = snapshot
        shard?.namespaceTable = snapshot.table
        if !held.isEmpty { releaseHeld() }
    }

    /// Whether a handle that a plugin uses names a socket of this loop and of the plugin's host.
    @inline(__always)
    func owns(_ socket: SocketHandle, for plugin: LoadedPlugin) -> Bool {
        socket.shardIndex == index && plugin.hostID == hostID
    }

    // MARK: From other threads

    /// Runs `body` on the loop: at once if this is its thread, else after the work that was put into the same mailbox
    /// before. [any-thread]
    ///
    /// - Parameter mailbox: the calling plugin's; `nil`: the host's own.
    func runOrEnqueue(in mailbox: LoopMailbox? = nil, _ body: @escaping @Sendable () -> Void) {
        if ThreadState.current?.loop === self { return body() }
        let task = LoopTask { _ in
            body()
            return nil
        }
        post(task, in: mailbox ?? self.mailbox, bytes: 0, promised: true)
    }

    /// Puts work into a mailbox of this loop, and notifies the loop if necessary. [any-thread]
    ///
    /// - Returns: `false` if the mailbox is full.
    @discardableResult
    func post(_ task: LoopTask, in mailbox: LoopMailbox, bytes: Int, promised: Bool = false) -> Bool {
        guard let mustNotify = mailbox.append(task, bytes: bytes, promised: promised) else { return false }
        if mustNotify { notify(of: mailbox) }
        return true
    }

    /// Notifies this loop that a mailbox holds work. [any-thread]
    ///
    /// If another loop calls, it notifies at the end of its tick, so that everything it broadcasts in one tick is sent
    /// in one tick of this loop.
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

    /// Runs the work of a mailbox that the loop was notified of, or lists it for later.
    private func startDraining(_ mailbox: LoopMailbox) {
        guard !mailbox.isListed else { return }
        // Outside a pause, no other mailbox holds work.
        if !isPausing, !drain(mailbox) { return pauseIfNeeded() }
        mailbox.isListed = true
        busy.append(mailbox)
        if !isPausing { drainAll() }
    }

    /// Runs the work of the listed mailboxes in turn until the time slice is used up.
    private func drainAll() {
        while !timeSlice.isUsedUp, !busy.isEmpty {
            let mailbox = busy.removeFirst()
            if drain(mailbox) { busy.append(mailbox) } else { mailbox.isListed = false }
        }
        pauseIfNeeded()
    }

    /// - Returns: whether the mailbox holds more work.
    @inline(__always)
    private func drain(_ mailbox: LoopMailbox) -> Bool {
        mailbox.drain(on: shard, &timeSlice) { record in execute(record) }
    }

    /// If the time slice is used up, lets the loop write its output and poll its connections before it continues.
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
            // Balances the `passRetained` of ``LoopMailbox/append(_:bytes:promised:)``.
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
        let outer = enter(meter.mark)
        let result = body()
        leave(to: outer)
        if isTimed { meter.timed(Clock.monotonicNanoseconds - start, loop: index) }
        return result
    }

    /// [loop] Marks an inline callback as running.
    ///
    /// - Returns: the callback that it interrupts, for ``leave(to:)``.
    @inline(__always)
    func enter(_ mark: UnsafeMutablePointer<jf_crash_callback>) -> UInt {
        let outer = current.pointee.load(ordering: .relaxed)
        current.pointee.store(UInt(bitPattern: mark), ordering: .releasing)
        return outer
    }

    /// [loop] Marks the inline callback as returned.
    @inline(__always)
    func leave(to outer: UInt) { current.pointee.store(outer, ordering: .relaxed) }

    /// The inline callback that is running, and how many calls of it there have been on this loop. [any-thread]
    var running: (meter: InlineMeter, calls: UInt64)? {
        guard let mark = UnsafePointer<jf_crash_callback>(bitPattern: current.pointee.load(ordering: .acquiring)),
            let address = mark.pointee.object
        else { return nil }
        // Meters are never freed.
        let meter = Unmanaged<InlineMeter>.fromOpaque(address).takeUnretainedValue()
        return (meter, meter.line(index).pointee.calls.load(ordering: .relaxed))
    }

    // MARK: Strands

    /// [loop] Wakes a strand at the end of this tick, so that it gets all work of the tick at once.
    @inline(__always)
    func wakeLater(_ strand: Strand) {
        if sleepers.isEmpty { loop.execute { [self] _ in wakeSleepers() } }
        sleepers.append(strand)
    }

    private func wakeSleepers() {
        for strand in sleepers { strand.wake() }
        sleepers.removeAll(keepingCapacity: true)
    }

    /// [loop] The handlers and hooks in force for a namespace.
    @inline(__always)
    func dispatch(of namespace: Namespace) -> NamespaceDispatch {
        // Only this class sets the `userInfo` of namespaces.
        if let info = namespace.userInfo {
            let dispatch = unsafeDowncast(info, to: NamespaceDispatch.self)
            if dispatch.snapshot === snapshot { return dispatch }
        }
        let dispatch = NamespaceDispatch(namespace.name, snapshot: snapshot)
        namespace.userInfo = dispatch
        return dispatch
    }
}

/// The part of an event loop that the plugin host uses.
public protocol HostLoop: Sendable {
    /// 0…255; part of the handles of the loop's sockets.
    var index: Int { get }
    /// [any-thread] Runs `job` on the loop, after the jobs that the same thread passed before.
    func execute(_ job: @escaping @Sendable (Shard) -> Void)
    /// [loop] Runs `job` in a later tick, after the output of this tick was written and the loop has polled its
    /// connections.
    func executeAfterInput(_ job: @escaping @Sendable (Shard) -> Void)
}

extension Loop: HostLoop {}
