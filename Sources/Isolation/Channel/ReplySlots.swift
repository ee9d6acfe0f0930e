import CIsolation
import Support
import Synchronization

/// Names a call that waits for its reply: the slot, and the number of the call in this slot.
public struct ReplySlot: Hashable, Sendable {
    let index: UInt16
    /// Never 0.
    let generation: UInt32

    init(index: UInt16, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    init(id: UInt64) {
        index = UInt16(truncatingIfNeeded: id)
        generation = UInt32(truncatingIfNeeded: id >> 32)
    }

    var id: UInt64 { UInt64(generation) << 32 | UInt64(index) }
}

/// The layout of the reply slots: a reply that fits is written straight into the slot of the thread that waits, so a
/// call costs two wake-ups. Each slot has one outstanding call at most, and is free again after its reply.
///
///     state: UInt32 | code: Int32 | length: UInt32 | 4 bytes | reply
enum ReplySlots {
    static let stride = 4096
    static let headBytes = 16
    /// The longest reply that fits into a slot.
    static let replyLimit = stride - headBytes

    /// The first word of a slot.
    enum SlotState {
        /// The reply is not there; the caller does not sleep.
        static let pending: UInt32 = 1
        /// The reply is not there; the caller sleeps.
        static let asleep: UInt32 = 2
        /// The reply is in the slot.
        static let replied: UInt32 = 3
        /// The reply is in the memory of the worker: it came through the ring.
        static let repliedByRing: UInt32 = 4
    }
}

/// The host's end of the slots. Any thread may reply.
///
/// `@unchecked Sendable`: `outstanding` is accessed atomically; a slot is written only by the thread that has removed
/// its call from `outstanding`.
final class ReplyWriter: @unchecked Sendable {
    private let slots: SharedMapping
    private let count: Int
    /// For each slot the generation of the call that has no reply yet, or 0. In private memory.
    private let outstanding: UnsafeMutablePointer<UInt32>

    init(slots: SharedMapping, count: Int) {
        self.slots = slots
        self.count = count
        outstanding = .allocate(capacity: count)
        outstanding.initialize(repeating: 0, count: count)
    }

    deinit { outstanding.deallocate() }

    /// Notes a call that the worker has made. Returns what is wrong with it, or `nil`.
    func accept(_ slot: ReplySlot) -> String? {
        guard Int(slot.index) < count, slot.generation != 0 else {
            return "it made a call with the reply slot \(slot.index) of \(count), call \(slot.generation)"
        }
        guard jf_compare_exchange32(outstanding + Int(slot.index), 0, slot.generation) != 0 else {
            return "it made a call with the reply slot \(slot.index), whose last call has no reply yet"
        }
        return nil
    }

    /// Ends an outstanding call. Returns false if there is no such call: it had its reply.
    func end(_ slot: ReplySlot) -> Bool {
        Int(slot.index) < count && slot.generation != 0
            && jf_compare_exchange32(outstanding + Int(slot.index), slot.generation, 0) != 0
    }

    /// Writes a reply of at most ``ReplySlots/replyLimit`` bytes, after ``end(_:)``.
    func write(_ slot: ReplySlot, code: Int32, _ reply: UnsafeRawBufferPointer) {
        let place = slots.start + Int(slot.index) * ReplySlots.stride
        place.storeBytes(of: code, toByteOffset: 4, as: Int32.self)
        place.storeBytes(of: UInt32(reply.count), toByteOffset: 8, as: UInt32.self)
        UnsafeMutableRawBufferPointer(start: place + ReplySlots.headBytes, count: ReplySlots.replyLimit)
            .copyMemory(from: reply)
        ReplySlots.settle(place, ReplySlots.SlotState.replied)
    }
}

extension ReplySlots {
    /// Stores the final state of a call and wakes the caller.
    static func settle(_ place: UnsafeMutableRawPointer, _ state: UInt32) {
        if jf_exchange32(place, state) == SlotState.asleep { jf_futex_wake(place, 1) }
    }
}

/// The worker's end of the slots. Any thread may call. The worker trusts the host, so it reads replies where they are.
///
/// `@unchecked Sendable`: the lists are under `lists`; a slot is touched by the thread that has taken it out of `free`,
/// and by the host.
final class ReplyReader: @unchecked Sendable {
    private let slots: SharedMapping
    private let state: ChannelState
    private let spin: AdaptiveSpin
    private let lists: Mutex<Lists>

    private struct Lists {
        var free: [UInt16]
        /// Slots whose callers no longer wait. They are free after the reply.
        var abandoned: [UInt16] = []
        var generations: [UInt32]
        /// Replies that came through the ring, by slot.
        var long: [UInt16: (code: Int32, bytes: [UInt8])] = [:]
    }

    init(slots: SharedMapping, count: Int, state: ChannelState, spinNanoseconds: Int64) {
        self.slots = slots
        self.state = state
        spin = AdaptiveSpin(nanoseconds: spinNanoseconds)
        lists = Mutex(
            Lists(free: (0..<UInt16(count)).reversed(), generations: [UInt32](repeating: 0, count: count)))
    }

    /// Takes a slot for a call; `nil` if every slot has a call without a reply.
    func begin() -> ReplySlot? {
        lists.withLock { lists in
            if lists.free.isEmpty { reclaim(&lists) }
            guard let index = lists.free.popLast() else { return nil }
            lists.generations[Int(index)] = max(1, lists.generations[Int(index)] &+ 1)
            jf_store32(place(index), ReplySlots.SlotState.pending)
            return ReplySlot(index: index, generation: lists.generations[Int(index)])
        }
    }

    /// Frees the slots of abandoned calls that have their replies.
    private func reclaim(_ lists: inout Lists) {
        for index in lists.abandoned where jf_load32(place(index)) >= ReplySlots.SlotState.replied {
            lists.long[index] = nil
            lists.free.append(index)
        }
        lists.abandoned.removeAll { jf_load32(place($0)) >= ReplySlots.SlotState.replied }
    }

    /// Frees the slot of a call that was never sent.
    func cancel(_ slot: ReplySlot) { lists.withLock { $0.free.append(slot.index) } }

    /// Waits for the reply of a call.
    ///
    /// - Parameter body: gets the code and the reply, which is valid until it returns.
    func wait<Value>(
        for slot: ReplySlot, until deadline: Int64, _ body: (Int32, UnsafeRawBufferPointer) -> Value
    ) -> SharedChannel.CallResult<Value> {
        let place = place(slot.index)
        _ = spin.poll { jf_load32(place) >= ReplySlots.SlotState.replied }
        while true {
            let now = jf_load32(place)
            if now >= ReplySlots.SlotState.replied { return .replied(consume(slot, now, body)) }
            switch state.current {
            case .open: break
            case .broken: return .broken
            case .closed, .peerEnded: return .closed
            }
            guard Clock.monotonicNanoseconds < deadline else {
                lists.withLock { $0.abandoned.append(slot.index) }
                return .timeout
            }
            if now == ReplySlots.SlotState.asleep {
                jf_futex_wait(place, now, ChannelState.slice(until: deadline))
            } else {
                // The next iteration looks at the state again: `wakeAll()` wakes only callers that are marked asleep.
                _ = jf_compare_exchange32(place, now, ReplySlots.SlotState.asleep)
            }
        }
    }

    private func consume<Value>(
        _ slot: ReplySlot, _ now: UInt32, _ body: (Int32, UnsafeRawBufferPointer) -> Value
    ) -> Value {
        defer { lists.withLock { $0.free.append(slot.index) } }
        if now == ReplySlots.SlotState.repliedByRing,
            let reply = lists.withLock({ $0.long.removeValue(forKey: slot.index) })
        {
            return reply.bytes.withUnsafeBytes { body(reply.code, $0) }
        }
        let place = place(slot.index)
        let length = Int(place.load(fromByteOffset: 8, as: UInt32.self))
        return body(
            place.load(fromByteOffset: 4, as: Int32.self),
            UnsafeRawBufferPointer(
                start: place + ReplySlots.headBytes, count: min(length, ReplySlots.replyLimit)))
    }

    /// Stores a reply that came through the ring.
    func receive(_ slot: ReplySlot, _ payload: UnsafeRawBufferPointer) {
        guard payload.count >= 4 else { return }
        let code = payload.loadUnaligned(as: Int32.self)
        let isExpected = lists.withLock { lists in
            guard Int(slot.index) < lists.generations.count, lists.generations[Int(slot.index)] == slot.generation
            else { return false }
            lists.long[slot.index] = (code, Array(payload[4...]))
            return true
        }
        if isExpected { ReplySlots.settle(place(slot.index), ReplySlots.SlotState.repliedByRing) }
    }

    /// Wakes all callers, so that they look at the state of the channel.
    func wakeAll() {
        for index in 0..<lists.withLock({ $0.generations.count }) {
            let place = place(UInt16(index))
            if jf_compare_exchange32(place, ReplySlots.SlotState.asleep, ReplySlots.SlotState.pending) != 0 {
                jf_futex_wake(place, 1)
            }
        }
    }

    private func place(_ index: UInt16) -> UnsafeMutableRawPointer {
        slots.start + Int(index) * ReplySlots.stride
    }
}
