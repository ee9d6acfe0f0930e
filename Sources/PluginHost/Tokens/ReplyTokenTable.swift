import SocketIO
import Synchronization

/// The tokens of one plugin that outlive a callback. Every operation is safe on any thread; whoever takes an entry out
/// is the only one who completes it.
///
/// A lock rather than a compare-and-swap on each slot: it is held for a handful of instructions, never met by two loops
/// on a message's way (an ack given within its callback has no entry here), and makes "exactly once" plain to see.
final class ReplyTokenTable: Sendable {
    private struct Slot {
        var generation: UInt64 = 1
        var entry: ReplyTokenEntry?
        var isKept = false
        /// Of the callback that has borrowed it.
        var thread: UInt64 = 0
    }

    private struct State {
        var slots: ContiguousArray<Slot> = []
        var free: ContiguousArray<Int32> = []
        var kept = 0
        var isClosed = false
    }

    /// How many may be kept at a time.
    let limit: Int
    private let state = Mutex(State())
    /// Whether whoever waits is still there; asked under the lock, so it must be quick and must not come back.
    private let isWaiting: @Sendable (ReplyTokenEntry) -> Bool

    init(limit: Int, isWaiting: @escaping @Sendable (ReplyTokenEntry) -> Bool) {
        self.limit = min(limit, ReplyToken.slotLimit / 2)
        self.isWaiting = isWaiting
    }

    /// How many are kept.
    var kept: Int { state.withLock { $0.kept } }

    /// Whether a client that is still there waits for an ack that the plugin has kept.
    var owesAcks: Bool {
        state.withLock { state in
            state.kept > 0
                && state.slots.contains { slot in
                    guard slot.isKept, let entry = slot.entry, case .ack = entry else { return false }
                    return isWaiting(entry)
                }
        }
    }

    /// Enters what waits; `nil` if the plugin is going or the table is full.
    ///
    /// - Parameter kept: whether the plugin has asked for it; only such tokens count against ``limit``.
    func enter(_ entry: ReplyTokenEntry, kept: Bool) -> ReplyToken? {
        let thread = ThreadState.currentNumber
        return state.withLock { state in
            guard !state.isClosed else { return nil }
            if kept, state.kept >= limit {
                sweep(&state)
                guard state.kept < limit else { return nil }
            }
            let slot: Int
            if let free = state.free.popLast() {
                slot = Int(free)
            } else {
                guard state.slots.count < ReplyToken.slotLimit else { return nil }
                slot = state.slots.count
                state.slots.append(Slot())
            }
            state.slots[slot].entry = entry
            state.slots[slot].isKept = kept
            state.slots[slot].thread = thread
            if kept { state.kept += 1 }
            return ReplyToken(slot: slot, generation: state.slots[slot].generation)
        }
    }

    enum KeepResult {
        case kept(ReplyToken)
        case gone
        case limit
        /// It is no token of a callback on this thread.
        case elsewhere
    }

    /// Exchanges the token of the callback under way for one that outlives it.
    func keep(_ token: ReplyToken) -> KeepResult {
        let thread = ThreadState.currentNumber
        return state.withLock { state in
            guard let slot = slot(of: token, in: state), let entry = state.slots[slot].entry else { return .gone }
            guard !state.slots[slot].isKept, state.slots[slot].thread == thread else { return .elsewhere }
            guard isWaiting(entry) else { return .gone }
            if state.kept >= limit { sweep(&state) }
            guard state.kept < limit else { return .limit }
            advance(&state.slots[slot])
            state.slots[slot].isKept = true
            state.kept += 1
            return .kept(ReplyToken(slot: slot, generation: state.slots[slot].generation))
        }
    }

    enum Completion {
        /// It is taken out, and completed by whoever hears this.
        case entry(ReplyTokenEntry)
        case gone
        /// It is borrowed by a callback on another thread.
        case elsewhere
    }

    /// Takes the entry out for the plugin, which completes it.
    ///
    /// - Parameter wanted: which kind of entry the caller can complete; another kind stays.
    func complete(_ token: ReplyToken, where wanted: (ReplyTokenEntry) -> Bool) -> Completion {
        let thread = ThreadState.currentNumber
        return state.withLock { state in
            guard let slot = slot(of: token, in: state), let entry = state.slots[slot].entry, wanted(entry) else {
                return .gone
            }
            guard state.slots[slot].isKept || state.slots[slot].thread == thread else { return .elsewhere }
            remove(slot, &state)
            return .entry(entry)
        }
    }

    /// Takes the entry out for the host, whose callback has returned; `nil` if it is completed or kept.
    func reclaim(_ token: ReplyToken) -> ReplyTokenEntry? {
        state.withLock { state in
            guard let slot = slot(of: token, in: state), let entry = state.slots[slot].entry else { return nil }
            remove(slot, &state)
            return entry
        }
    }

    enum LookupResult {
        /// It stays.
        case entry(ReplyTokenEntry)
        case gone
        case borrowed
    }

    /// Who waits for a kept token.
    func peek(_ token: ReplyToken) -> LookupResult {
        state.withLock { state in
            guard let slot = slot(of: token, in: state), let entry = state.slots[slot].entry else { return .gone }
            return state.slots[slot].isKept ? .entry(entry) : .borrowed
        }
    }

    /// Takes out a kept token that the plugin gives up.
    func drop(_ token: ReplyToken) -> LookupResult {
        state.withLock { state in
            guard let slot = slot(of: token, in: state), let entry = state.slots[slot].entry else { return .gone }
            guard state.slots[slot].isKept else { return .borrowed }
            remove(slot, &state)
            return .entry(entry)
        }
    }

    /// Takes everything out; nothing is entered from now on.
    func close() -> [ReplyTokenEntry] {
        state.withLock { state in
            state.isClosed = true
            let entries = state.slots.compactMap(\.entry)
            for slot in state.slots.indices where state.slots[slot].entry != nil { remove(slot, &state) }
            return entries
        }
    }

    // MARK: Under the lock

    private func slot(of token: ReplyToken, in state: borrowing State) -> Int? {
        let slot = token.slot
        guard !token.isBorrowed, slot < state.slots.count, state.slots[slot].generation == token.generation else {
            return nil
        }
        return slot
    }

    private func remove(_ slot: Int, _ state: inout State) {
        if state.slots[slot].isKept { state.kept -= 1 }
        state.slots[slot].entry = nil
        state.slots[slot].isKept = false
        advance(&state.slots[slot])
        state.free.append(Int32(slot))
    }

    private func advance(_ slot: inout Slot) {
        slot.generation =
            slot.generation & ReplyToken.generationMask == ReplyToken.generationMask ? 1 : slot.generation + 1
    }

    /// Frees the slots of those who no longer wait, which a plugin that forgets its tokens leaves behind.
    /// Only when the table is full.
    private func sweep(_ state: inout State) {
        for slot in state.slots.indices {
            if let entry = state.slots[slot].entry, state.slots[slot].isKept, !isWaiting(entry) { remove(slot, &state) }
        }
    }
}

/// A `jf_token` taken apart. 0 means that nobody waits.
///
/// Borrowed: 1 (1 bit) | thread (15) | sequence (48): the ack of the event whose handler is running; costs nothing to
/// make. In a table: 0 (1 bit) | generation (39) | slot (24): whatever outlives its callback.
struct ReplyToken: Equatable, Sendable {
    let raw: UInt64

    @inline(__always)
    init(_ raw: UInt64) { self.raw = raw }

    @inline(__always)
    init(borrowed sequence: UInt64, thread: UInt64) {
        raw = 1 << 63 | thread << 48 | sequence & 0xFFFF_FFFF_FFFF
    }

    init(slot: Int, generation: UInt64) {
        raw = (generation & Self.generationMask) << 24 | UInt64(slot)
    }

    static let slotLimit = 1 << 24
    static let generationMask: UInt64 = (1 << 39) - 1

    @inline(__always)
    var isBorrowed: Bool { raw >> 63 == 1 }
    var thread: UInt64 { raw >> 48 & 0x7FFF }
    var slot: Int { Int(raw & 0xFF_FFFF) }
    var generation: UInt64 { raw >> 24 & Self.generationMask }
}

/// Who waits for a token in a table.
enum ReplyTokenEntry: Sendable {
    /// A client, for the ack `id`.
    case ack(socket: SocketHandle, id: UInt64)
    /// An HTTP client.
    case reply(PluginReply)
    /// A client that asked to join a namespace, and the hook whose turn it is.
    case decision(AdmitHookChain, stage: Int)
}
