import CIsolation
import Support
import Synchronization

/// The reading end of a ring. The peer can change the ring and its words at any time, so each word is read once and
/// checked, and each payload is copied once before anything reads it. The position is in private memory.
///
/// `@unchecked Sendable`: one thread reads at a time; the users of ``SharedChannel/read(until:)`` see to that.
final class RingReader: @unchecked Sendable {
    private let ring: SharedMapping
    private let words: ChannelLayout.RingWords
    private let capacity: Int
    private let state: ChannelState
    private let spin: AdaptiveSpin
    /// See ``interrupt()``.
    private let interruption = Atomic<Bool>(false)
    /// How many bytes this side has read.
    private var position: UInt64 = 0
    /// The writer's tail at the last time that it was loaded.
    private var tail: UInt64 = 0
    /// The position that the writer knows.
    private var published: UInt64 = 0
    /// The payload of the current message.
    private let buffer: UnsafeMutableRawBufferPointer
    private var assembled: Assembly?

    /// A message whose records have not all been read.
    private final class Assembly {
        let kind: UInt16
        let flags: RecordFormat.Flags
        let id: UInt64
        let bytes: UnsafeMutableRawBufferPointer
        var count = 0

        /// The pages of a long buffer are allocated as bytes arrive, so a length alone costs nothing.
        init(kind: UInt16, flags: RecordFormat.Flags, id: UInt64, length: Int) {
            self.kind = kind
            self.flags = flags
            self.id = id
            bytes = .allocate(byteCount: length, alignment: 16)
        }

        deinit { bytes.deallocate() }
    }

    /// One message. The payload is valid until the next call of the reader.
    struct Message {
        let kind: UInt16
        let flags: RecordFormat.Flags
        let id: UInt64
        let payload: UnsafeRawBufferPointer
    }

    enum Result {
        case message(Message)
        case timeout
        /// See ``ChannelState/current``.
        case ended
    }

    init(
        ring: SharedMapping, words: ChannelLayout.RingWords, capacity: Int, state: ChannelState, spinNanoseconds: Int64
    ) {
        self.ring = ring
        self.words = words
        self.capacity = capacity
        self.state = state
        spin = AdaptiveSpin(nanoseconds: spinNanoseconds)
        buffer = .allocate(byteCount: RecordFormat.payloadLimit(capacity: capacity), alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The next message. Waits until `deadline` (``Clock/monotonicNanoseconds``).
    func read(until deadline: Int64) -> Result {
        if let assembled, assembled.count == assembled.bytes.count { self.assembled = nil }
        while true {
            if position == tail {
                // What the peer had written when it ended is still read.
                let phase = state.current
                guard phase == .open || phase == .peerEnded else { return .ended }
                guard loadTail() else { return .ended }
                if position == tail {
                    if phase == .peerEnded { return .ended }
                    guard wait(until: deadline) else { return .timeout }
                    continue
                }
            } else if state.current.rawValue >= ChannelState.Phase.broken.rawValue {
                return .ended
            }
            switch readRecord() {
            case .message(let message): return .message(message)
            case .incomplete: continue
            case .broken(let reason):
                state.setBroken(reason)
                return .ended
            }
        }
    }

    /// Loads the writer's tail. Returns false if the tail is impossible: the channel is broken then.
    private func loadTail() -> Bool {
        let now = jf_load64(words.tail)
        guard now >= tail, now - position <= UInt64(capacity), now % UInt64(RecordFormat.alignment) == 0 else {
            state.setBroken(
                "it set its writing position to \(now) when \(position) had been read of a ring of \(capacity)")
            return false
        }
        tail = now
        return true
    }

    private enum Record {
        case message(Message)
        case incomplete
        case broken(String)
    }

    /// Reads the record at `position`, which is before `tail`.
    private func readRecord() -> Record {
        let place = ring.start + Int(position & UInt64(capacity - 1))
        let head = jf_record_head_read(place)
        let size = Int(head.size)
        let available = tail - position
        guard size >= RecordFormat.headBytes, size - RecordFormat.headBytes <= buffer.count,
            UInt64(RecordFormat.padded(size)) <= available
        else { return .broken("it wrote a record of \(size) bytes where \(available) bytes are") }
        let flags = RecordFormat.Flags(rawValue: head.flags)
        guard flags.isSubset(of: .all), !flags.isSuperset(of: [.first, .following]) else {
            return .broken("it wrote a record with the flags \(head.flags)")
        }
        let source = UnsafeRawBufferPointer(
            start: place + RecordFormat.headBytes, count: size - RecordFormat.headBytes)
        defer { advance(by: RecordFormat.padded(size)) }
        if flags.contains(.first) { return begin(head, flags, source) }
        if flags.contains(.following) { return append(head, flags, source) }
        buffer.copyMemory(from: source)
        return .message(
            Message(
                kind: head.kind, flags: flags, id: head.id,
                payload: UnsafeRawBufferPointer(rebasing: buffer[..<source.count])))
    }

    private func begin(_ head: jf_record_head, _ flags: RecordFormat.Flags, _ source: UnsafeRawBufferPointer) -> Record
    {
        guard source.count > 8 else { return .broken("it began a message with \(source.count) bytes") }
        let length = jf_load64(source.baseAddress!)
        let part = UnsafeRawBufferPointer(rebasing: source[8...])
        guard length <= UInt64(SharedChannel.messageLimit), length > UInt64(part.count) else {
            return .broken("it began a message of \(length) bytes with \(part.count) bytes")
        }
        let assembly = Assembly(
            kind: head.kind, flags: flags.subtracting(.first), id: head.id, length: Int(length))
        assembled = assembly
        copy(part, to: assembly)
        return .incomplete
    }

    private func append(_ head: jf_record_head, _ flags: RecordFormat.Flags, _ source: UnsafeRawBufferPointer) -> Record
    {
        guard let assembly = assembled, assembly.kind == head.kind, assembly.id == head.id,
            assembly.flags == flags.subtracting(.following)
        else { return .broken("it continued a message that it had not begun") }
        guard source.count > 0, source.count <= assembly.bytes.count - assembly.count else {
            return .broken("it continued a message of \(assembly.bytes.count) bytes beyond its end, or with nothing")
        }
        copy(source, to: assembly)
        guard assembly.count == assembly.bytes.count else { return .incomplete }
        return .message(
            Message(
                kind: assembly.kind, flags: assembly.flags, id: assembly.id,
                payload: UnsafeRawBufferPointer(assembly.bytes)))
    }

    private func copy(_ source: UnsafeRawBufferPointer, to assembly: Assembly) {
        UnsafeMutableRawBufferPointer(rebasing: assembly.bytes[assembly.count...]).copyMemory(from: source)
        assembly.count += source.count
    }

    private func advance(by bytes: Int) {
        position += UInt64(bytes)
        // Not for each record: the word is on the line of the cache that the writer reads.
        if position - published >= UInt64(capacity / 8) { publish() }
    }

    /// Makes room for the writer.
    private func publish() {
        published = position
        jf_store64(words.head, position)
        // Either this thread sees that a writer waits, or that writer sees the room.
        jf_fence()
        guard jf_load32(words.writerWaits) != 0, jf_exchange32(words.writerWaits, 0) != 0 else { return }
        jf_futex_wake(words.writerWaits, .max)
    }

    /// Waits for a record, or for a change of the state. Returns false if the deadline has passed.
    private func wait(until deadline: Int64) -> Bool {
        if published != position { publish() }
        let word = words.tail
        let known = tail
        // Without a look at the clock: a reader that only empties the ring must not wait at all.
        guard deadline > 0 else { return jf_load64(word) != known }
        if spin.poll({ jf_load64(word) != known || interruption.load(ordering: .relaxed) }) {
            return !interruption.exchange(false, ordering: .acquiringAndReleasing)
        }
        guard Clock.monotonicNanoseconds < deadline else { return false }
        jf_store32(words.readerSleeps, 1)
        // Either this thread sees the record or the change of state, or their thread sees that the reader sleeps.
        jf_fence()
        if jf_load64(words.tail) == tail, state.current == .open, !interruption.load(ordering: .sequentiallyConsistent)
        {
            jf_futex_wait(words.readerSleeps, 1, ChannelState.slice(until: deadline))
        }
        jf_store32(words.readerSleeps, 0)
        return !interruption.exchange(false, ordering: .acquiringAndReleasing)
    }

    /// Makes the running or the next wait return as if its deadline had passed. Any thread of this process.
    func interrupt() {
        interruption.store(true, ordering: .sequentiallyConsistent)
        jf_fence()
        if jf_load32(words.readerSleeps) != 0 { jf_futex_wake(words.readerSleeps, 1) }
    }
}
