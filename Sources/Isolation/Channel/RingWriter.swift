import CIsolation
import Support
import Synchronization

/// The writing end of a ring. Any thread of the process may write; they exclude each other by a lock that the peer
/// cannot reach.
///
/// A record is a ``jf_record_head`` and its payload, and begins at a multiple of 16 bytes. The ring is mapped twice, so
/// a record is contiguous.
///
/// `@unchecked Sendable`: the ring's free part is written under `position` only; the words are accessed atomically.
final class RingWriter: @unchecked Sendable {
    private let ring: SharedMapping
    private let words: ChannelLayout.RingWords
    private let capacity: Int
    private let state: ChannelState
    private let position = Mutex(Position())
    /// Held while a message is written in several records, so that the reader assembles one message at a time.
    private let assembly = Mutex(())

    private struct Position {
        var tail: UInt64 = 0
        /// The reader's head at the last time that it was loaded.
        var head: UInt64 = 0
    }

    init(ring: SharedMapping, words: ChannelLayout.RingWords, capacity: Int, state: ChannelState) {
        self.ring = ring
        self.words = words
        self.capacity = capacity
        self.state = state
    }

    /// The longest payload of one record. A longer message takes several records.
    var recordLimit: Int { RecordFormat.payloadLimit(capacity: capacity) }

    /// Writes a message.
    ///
    /// - Parameters:
    ///   - count: the bytes of the payload.
    ///   - deadline: until when to wait for room, in ``Clock/monotonicNanoseconds``; `nil` to return
    ///     ``SharedChannel/WriteResult/full`` at once, also for a message of more than ``recordLimit`` bytes.
    ///   - fill: writes the payload. It is called once at most, and must not use the channel: a lock is held.
    func write(
        kind: UInt16, flags: RecordFormat.Flags, id: UInt64, count: Int, until deadline: Int64?,
        fill: (UnsafeMutableRawBufferPointer) -> Void
    ) -> SharedChannel.WriteResult {
        if count <= recordLimit {
            return writeRecord(kind: kind, flags: flags, id: id, count: count, until: deadline, fill: fill)
        }
        guard count <= SharedChannel.messageLimit else { return .tooLong }
        guard let deadline else { return .full }
        return writeParts(kind: kind, flags: flags, id: id, count: count, until: deadline, fill: fill)
    }

    private func writeParts(
        kind: UInt16, flags: RecordFormat.Flags, id: UInt64, count: Int, until deadline: Int64,
        fill: (UnsafeMutableRawBufferPointer) -> Void
    ) -> SharedChannel.WriteResult {
        let message = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { message.deallocate() }
        fill(message)
        return assembly.withLock { _ in
            var done = 0
            while done < count {
                // The first record begins with the length of the message.
                let prefix = done == 0 ? 8 : 0
                let part = min(recordLimit - prefix, count - done)
                let result = writeRecord(
                    kind: kind, flags: flags.union(done == 0 ? .first : .following), id: id, count: prefix + part,
                    until: deadline
                ) { target in
                    if prefix > 0 { target.storeBytes(of: UInt64(count), as: UInt64.self) }
                    let rest = UnsafeMutableRawBufferPointer(rebasing: target[prefix...])
                    rest.copyMemory(from: UnsafeRawBufferPointer(rebasing: message[done..<done + part]))
                }
                // The reader drops an incomplete message when the next one begins.
                guard result == .written else { return result }
                done += part
            }
            return .written
        }
    }

    private func writeRecord(
        kind: UInt16, flags: RecordFormat.Flags, id: UInt64, count: Int, until deadline: Int64?,
        fill: (UnsafeMutableRawBufferPointer) -> Void
    ) -> SharedChannel.WriteResult {
        let head = jf_record_head(
            size: UInt32(RecordFormat.headBytes + count), kind: kind, flags: flags.rawValue, id: id)
        while true {
            var result = tryWrite(head, fill)
            if result == .full, let deadline {
                guard Clock.monotonicNanoseconds < deadline else { return .full }
                jf_store32(words.writerWaits, 1)
                // Either this thread sees the room that the reader makes now, or the reader sees that a writer waits.
                jf_fence()
                result = tryWrite(head, fill)
                if result == .full {
                    jf_futex_wait(words.writerWaits, 1, ChannelState.slice(until: deadline))
                    continue
                }
            }
            if result == .written { wakeReader() }
            return result
        }
    }

    /// Returns `.written`, `.full`, `.closed` or `.broken`.
    private func tryWrite(
        _ head: jf_record_head, _ fill: (UnsafeMutableRawBufferPointer) -> Void
    ) -> SharedChannel.WriteResult {
        let bytes = UInt64(RecordFormat.padded(Int(head.size)))
        return position.withLock { position in
            switch state.current {
            case .open: break
            case .broken: return .broken
            case .peerEnded, .closed: return .closed
            }
            if UInt64(capacity) - (position.tail - position.head) < bytes {
                let now = jf_load64(words.head)
                guard now >= position.head, now <= position.tail else {
                    state.setBroken(
                        "it set its reading position to \(now), between \(position.head) and \(position.tail) is valid")
                    return .broken
                }
                position.head = now
                guard UInt64(capacity) - (position.tail - position.head) >= bytes else { return .full }
            }
            let place = ring.start + Int(position.tail & UInt64(capacity - 1))
            jf_record_head_write(place, head)
            fill(
                UnsafeMutableRawBufferPointer(
                    start: place + RecordFormat.headBytes, count: Int(head.size) - RecordFormat.headBytes))
            position.tail += bytes
            jf_store64(words.tail, position.tail)
            return .written
        }
    }

    private func wakeReader() {
        // Either this thread sees that the reader sleeps, or the reader sees the record before it sleeps.
        jf_fence()
        guard jf_load32(words.readerSleeps) != 0, jf_exchange32(words.readerSleeps, 0) != 0 else { return }
        jf_futex_wake(words.readerSleeps, 1)
    }

    /// Bytes that this side has written and the peer has not read, as the peer says. [any-thread]
    var unreadBytes: Int {
        let tail = position.withLock { $0.tail }
        let head = jf_load64(words.head)
        return head <= tail ? Int(min(tail - head, UInt64(capacity))) : 0
    }

    /// How many bytes the peer has ever read, as the peer says. [any-thread]
    var readPosition: UInt64 { jf_load64(words.head) }
}

/// The format of records in a ring.
enum RecordFormat {
    static let headBytes = 16
    static let alignment = 16

    struct Flags: OptionSet {
        let rawValue: UInt16

        /// The first record of a message of several. Its payload begins with the length of the message, a `UInt64`.
        static let first = Flags(rawValue: 1 << 0)
        /// Continues the message of the last ``first``.
        static let following = Flags(rawValue: 1 << 1)
        /// A call: the id is a ``ReplySlot``. From worker to host.
        static let call = Flags(rawValue: 1 << 2)
        /// A reply that is too long for its slot: the id is a ``ReplySlot``, the kind is 0, and the payload begins with
        /// the code, an `Int32`. From host to worker.
        static let reply = Flags(rawValue: 1 << 3)

        static let all: Flags = [.first, .following, .call, .reply]
    }

    /// Four records of the maximum size fit into the ring.
    static func payloadLimit(capacity: Int) -> Int { min(capacity / 4, 1 << 18) - headBytes }

    static func padded(_ size: Int) -> Int { (size + alignment - 1) & ~(alignment - 1) }
}
