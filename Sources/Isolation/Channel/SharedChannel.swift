import CIsolation
import Glibc
import Support

/// Messages between the host and one worker process through shared memory: a ring of bytes in each direction, and slots
/// for the replies of calls that a thread of the worker waits for.
///
/// Messages of one thread arrive in the order in which it wrote them. Messages of different threads have no order.
///
/// The host treats what the worker writes into the memory as hostile: if the worker breaks the rules, the channel is
/// *broken*, and every later call says so. A payload is copied out of the shared memory once, before anything reads it.
/// What is in a payload is not checked here.
///
/// Writing and replying: any thread. Reading: one thread at a time. ``close()`` and ``endPeer()``: any thread.
public final class SharedChannel: Sendable {
    public enum Side: Sendable {
        /// Creates the channel; does not trust the peer.
        case host
        /// Attaches to the channel; trusts the peer.
        case worker
    }

    public enum WriteResult: Sendable {
        case written
        /// There was no room until the deadline. Nothing of the message arrives.
        case full
        /// The message has more than ``SharedChannel/messageLimit`` bytes.
        case tooLong
        /// One side has closed the channel, or the peer has ended.
        case closed
        /// See ``SharedChannel/brokenReason``.
        case broken
    }

    public enum ReadResult {
        case message(Message)
        case timeout
        /// One side has closed the channel, or the peer has ended, and everything that it wrote has been read.
        case closed
        /// The peer broke the rules of the channel: how.
        case broken(String)
    }

    /// One message as the reader gets it.
    public struct Message {
        /// The meaning of the numbers is the caller's.
        public let kind: UInt16
        /// 0 in a call.
        public let id: UInt64
        /// Valid until the next ``SharedChannel/read(until:)``, aligned to 16 bytes.
        public let payload: UnsafeRawBufferPointer
        /// In a message of ``SharedChannel/call(kind:count:until:fill:reply:)``: where its reply goes. Each call needs
        /// exactly one ``SharedChannel/reply(to:code:_:until:)``.
        public let slot: ReplySlot?
    }

    public enum CallResult<Value> {
        case replied(Value)
        /// There was no reply, or no room for the call, until the deadline. The reply is ignored if it comes later.
        case timeout
        case tooLong
        case closed
        case broken
    }

    /// How a channel is made.
    public struct Options: Sendable {
        /// Of each of the two rings: a power of two, at least 4,096.
        public var ringBytes = 1 << 20
        /// So many threads of the worker can wait for replies at the same time.
        public var slotCount = 256
        /// How long a thread polls for a message before it sleeps, in nanoseconds; 0 to sleep at once. It polls only as
        /// long as that often succeeds.
        public var spinNanoseconds: Int64 = 20_000

        public init() {}
    }

    /// The longest payload of a message: 64 MiB and room for what belongs to it.
    public static let messageLimit = 65 << 20
    /// The longest reply that needs no room in the ring.
    public static let shortReplyLimit = ReplySlots.replyLimit
    /// The number of ``activity(_:)`` words.
    public static let activityCount = 64

    public let side: Side
    /// The shared memory, for the worker process. The channel closes it when it is freed.
    public let descriptor: Int32

    private let control: SharedMapping
    private let state: ChannelState
    private let writer: RingWriter
    private let reader: RingReader
    private let replyWriter: ReplyWriter?
    private let replyReader: ReplyReader?

    /// Creates a channel, as its host.
    public static func create(_ options: Options = Options()) throws(ChannelError) -> SharedChannel {
        let layout = try ChannelLayout(ringBytes: options.ringBytes, slotCount: options.slotCount)
        let descriptor = jf_shared_create("jackfield-channel", UInt64(layout.bytes))
        guard descriptor >= 0 else { throw ChannelError("creating shared memory", code: -descriptor) }
        do {
            let control = try SharedMapping(descriptor, offset: 0, bytes: ChannelLayout.pageBytes)
            layout.write(to: control.start)
            return try SharedChannel(.host, descriptor, control, layout, options)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Attaches to the channel that a host has created, as its worker. The channel then owns the descriptor.
    ///
    /// - Parameter options: only ``Options/spinNanoseconds`` is used.
    public convenience init(attaching descriptor: Int32, _ options: Options = Options()) throws(ChannelError) {
        let size = jf_shared_size(descriptor)
        guard size >= ChannelLayout.pageBytes else {
            throw ChannelError(
                "descriptor \(descriptor) is no channel: "
                    + (size < 0 ? String(cString: strerror(Int32(truncatingIfNeeded: -size))) : "\(size) bytes"))
        }
        let control = try SharedMapping(descriptor, offset: 0, bytes: ChannelLayout.pageBytes)
        let layout = try ChannelLayout.read(from: control.start, size: Int(size))
        try self.init(.worker, descriptor, control, layout, options)
    }

    private init(
        _ side: Side, _ descriptor: Int32, _ control: SharedMapping, _ layout: ChannelLayout, _ options: Options
    ) throws(ChannelError) {
        let peer: Side = side == .host ? .worker : .host
        let state = ChannelState(control, peerClosed: ChannelLayout.closedWord(of: peer))
        self.side = side
        self.descriptor = descriptor
        self.control = control
        self.state = state
        writer = RingWriter(
            ring: try SharedMapping(
                descriptor, offset: layout.ring(from: side), bytes: layout.ringBytes, isRing: true),
            words: ChannelLayout.RingWords(control: control.start, from: side), capacity: layout.ringBytes, state: state
        )
        reader = RingReader(
            ring: try SharedMapping(
                descriptor, offset: layout.ring(from: peer), bytes: layout.ringBytes, isRing: true),
            words: ChannelLayout.RingWords(control: control.start, from: peer), capacity: layout.ringBytes,
            state: state, spinNanoseconds: options.spinNanoseconds)
        let slots = try SharedMapping(descriptor, offset: layout.slots, bytes: layout.slotBytes)
        replyWriter = side == .host ? ReplyWriter(slots: slots, count: layout.slotCount) : nil
        replyReader =
            side == .worker
            ? ReplyReader(
                slots: slots, count: layout.slotCount, state: state, spinNanoseconds: options.spinNanoseconds) : nil
    }

    deinit { Glibc.close(descriptor) }

    // MARK: Messages

    /// Writes a message. [any-thread]
    ///
    /// - Parameters:
    ///   - count: the exact length of the payload.
    ///   - deadline: until when to wait for room, in ``Clock/monotonicNanoseconds``. With `nil` it never waits: for an
    ///     event loop. A message of more than ``recordLimit`` bytes needs a deadline, and waits until other such
    ///     messages of this side are written.
    ///   - fill: writes the payload into the ring, all of it. It is called at most once, under a lock, so it must be
    ///     short and must not use this channel. It must not read what it has written: the peer may have changed it.
    public func write(
        kind: UInt16, id: UInt64 = 0, count: Int, until deadline: Int64?,
        fill: (UnsafeMutableRawBufferPointer) -> Void
    ) -> WriteResult {
        writer.write(kind: kind, flags: [], id: id, count: count, until: deadline, fill: fill)
    }

    /// Writes a message whose payload are these bytes. [any-thread]
    public func write(
        kind: UInt16, id: UInt64 = 0, _ payload: UnsafeRawBufferPointer, until deadline: Int64?
    ) -> WriteResult {
        write(kind: kind, id: id, count: payload.count, until: deadline) { $0.copyMemory(from: payload) }
    }

    /// The longest payload that is written without a copy, and without a deadline.
    public var recordLimit: Int { writer.recordLimit }

    /// Reads the next message. Waits until `deadline`, in ``Clock/monotonicNanoseconds``. One thread at a time.
    public func read(until deadline: Int64) -> ReadResult {
        while true {
            switch reader.read(until: deadline) {
            case .timeout: return .timeout
            case .ended:
                return state.current == .broken ? .broken(state.brokenReason ?? "for an unknown reason") : .closed
            case .message(let message):
                if message.flags.contains(.reply), let replyReader {
                    replyReader.receive(ReplySlot(id: message.id), message.payload)
                    continue
                }
                guard !message.flags.isEmpty else {
                    return .message(Message(kind: message.kind, id: message.id, payload: message.payload, slot: nil))
                }
                let slot = ReplySlot(id: message.id)
                let problem =
                    replyWriter.map { message.flags == .call ? $0.accept(slot) : "it wrote a reply" }
                    ?? "it wrote a call"
                if let problem {
                    setBroken(problem)
                    continue
                }
                return .message(Message(kind: message.kind, id: 0, payload: message.payload, slot: slot))
            }
        }
    }

    /// Makes ``read(until:)`` return `.timeout` at once: the running call, or the next one that would wait.
    /// [any-thread]
    public func interruptRead() { reader.interrupt() }

    // MARK: Calls of the worker

    /// Sends a message and waits for its reply. Any thread of the worker, except the one that reads.
    ///
    /// - Parameters:
    ///   - fill: as in ``write(kind:id:count:until:fill:)``.
    ///   - reply: gets the code and the reply, which is valid until the closure returns.
    public func call<Value>(
        kind: UInt16, count: Int, until deadline: Int64, fill: (UnsafeMutableRawBufferPointer) -> Void,
        reply: (Int32, UnsafeRawBufferPointer) -> Value
    ) -> CallResult<Value> {
        guard let replyReader else { preconditionFailure("only a worker makes calls") }
        var slot = replyReader.begin()
        while slot == nil {
            guard state.current == .open else { return state.current == .broken ? .broken : .closed }
            guard Clock.monotonicNanoseconds < deadline else { return .timeout }
            // As many threads as there are slots wait for replies. That is so rare that polling is good enough.
            usleep(1000)
            slot = replyReader.begin()
        }
        guard let slot else { return .timeout }
        switch writer.write(kind: kind, flags: .call, id: slot.id, count: count, until: deadline, fill: fill) {
        case .written: return replyReader.wait(for: slot, until: deadline, reply)
        case .full:
            replyReader.cancel(slot)
            return .timeout
        case .tooLong:
            replyReader.cancel(slot)
            return .tooLong
        case .closed: return .closed
        case .broken: return .broken
        }
    }

    /// Replies to a call. Any thread of the host. A second reply to a call is ignored.
    ///
    /// - Parameter deadline: until when to wait for room in the ring, which only a reply of more than
    ///   ``shortReplyLimit`` bytes needs. The call stays open after any result but `.written`.
    @discardableResult
    public func reply(
        to slot: ReplySlot, code: Int32, _ reply: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
        until deadline: Int64? = nil
    ) -> WriteResult {
        guard let replyWriter else { preconditionFailure("only a host replies") }
        if reply.count <= ReplySlots.replyLimit {
            if replyWriter.end(slot) { replyWriter.write(slot, code: code, reply) }
            return .written
        }
        // Before the reply is visible: the worker may use the slot again as soon as it has read the reply.
        guard replyWriter.end(slot) else { return .written }
        let result = writer.write(
            kind: 0, flags: .reply, id: slot.id, count: 4 + reply.count, until: deadline
        ) { target in
            target.storeBytes(of: code, as: Int32.self)
            UnsafeMutableRawBufferPointer(rebasing: target[4...]).copyMemory(from: reply)
        }
        if result != .written { _ = replyWriter.accept(slot) }
        return result
    }

    // MARK: The end

    /// Closes the channel: threads that wait in it return, on both sides. [any-thread]
    public func close() {
        state.advance(to: .closed)
        jf_store32(control.start + ChannelLayout.closedWord(of: side), 1)
        wakeAll()
    }

    /// Notes that the peer's process has ended. The reader still gets what the peer had written. [any-thread]
    public func endPeer() {
        state.advance(to: .peerEnded)
        wakeAll()
    }

    /// Declares the channel broken, because the content of a message broke the rules. [any-thread]
    public func setBroken(_ reason: String) {
        state.setBroken(reason)
        wakeAll()
    }

    /// What the peer did wrong, if the channel is broken.
    public var brokenReason: String? { state.brokenReason }

    private func wakeAll() {
        for side in [Side.host, .worker] { ChannelLayout.RingWords(control: control.start, from: side).wakeAll() }
        replyReader?.wakeAll()
    }

    // MARK: Progress

    /// Bytes that this side has written and the peer has not read. The peer may lie.
    public var unreadBytes: Int { writer.unreadBytes }

    /// How many bytes the peer has ever read: it changes as long as the peer reads. The peer may lie.
    public var peerPosition: UInt64 { writer.readPosition }

    /// A word that the worker stores and the host loads, for instance the callback that runs on one of its threads. It
    /// survives the worker. In a host, the value may be anything.
    ///
    /// - Parameter index: less than ``activityCount``.
    public func activity(_ index: Int) -> UInt64 { jf_load64(activityWord(index)) }

    public func setActivity(_ index: Int, _ value: UInt64) { jf_store64(activityWord(index), value) }

    private func activityWord(_ index: Int) -> UnsafeMutableRawPointer {
        precondition((0..<Self.activityCount).contains(index))
        return control.start + ChannelLayout.activity + 8 * index
    }
}
