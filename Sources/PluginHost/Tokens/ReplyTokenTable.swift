import SocketIO
import Support
import Synchronization

/// The tokens of one plugin that outlive a callback. Thread-safe; only the caller that removes an entry completes it.
///
/// Uses a lock rather than a compare-and-swap on each slot: it is held for a few instructions, loops do not contend for
/// it on a message's path (an ack given within its callback has no entry here), and "exactly once" is easy to verify.
final class ReplyTokenTable: Sendable {
    private struct Slot {
        var generation: UInt64 = 1
        var entry: ReplyTokenEntry?
        var isKept = false
        /// Whether the entry is in the table of the plugin's new version, and may come back; see ``lend(_:)``.
        var isLent = false
        /// When it was kept, on ``Clock/monotonicNanoseconds``.
        var keptAt: Int64 = 0
        /// Number of the thread whose callback has borrowed it.
        var thread: UInt64 = 0
    }

    private struct State {
        var slots: ContiguousArray<Slot> = []
        var free: ContiguousArray<Int32> = []
        var kept = 0
        var isClosed = false
    }

    /// Most tokens that may be kept at a time.
    let limit: Int
    private let state = Mutex(State())
    /// Whether the client of an entry still waits. Called under the lock, so it must be quick and must not call this
    /// object.
    private let isWaiting: @Sendable (ReplyTokenEntry) -> Bool

    init(limit: Int, isWaiting: @escaping @Sendable (ReplyTokenEntry) -> Bool) {
        self.limit = min(limit, ReplyToken.slotLimit / 2)
        self.isWaiting = isWaiting
    }

    /// Number of kept tokens.
    var kept: Int { state.withLock { $0.kept } }

    /// Whether a connected client waits for an ack whose token the plugin has kept.
    var owesAcks: Bool {
        state.withLock { state in
            state.kept > 0
                && state.slots.contains { slot in
                    guard slot.isKept, let entry = slot.entry, case .ack = entry else { return false }
                    return isWaiting(entry)
                }
        }
    }

    /// Adds an entry; `nil` if the plugin is stopping or the table is full.
    ///
    /// - Parameter kept: whether the plugin keeps the token; only kept tokens count against ``limit``.
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
            if kept {
                state.slots[slot].keptAt = Clock.monotonicNanoseconds
                state.kept += 1
            }
            return ReplyToken(slot: slot, generation: state.slots[slot].generation)
        }
    }

    enum KeepResult {
        case kept(ReplyToken)
        case gone
        case limit
        /// It is not a token of a callback on this thread.
        case elsewhere
    }

    /// Replaces the token of the running callback by one that outlives it.
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
            state.slots[slot].keptAt = Clock.monotonicNanoseconds
            state.kept += 1
            return .kept(ReplyToken(slot: slot, generation: state.slots[slot].generation))
        }
    }

    /// Replaces the token of the running callback by one for a callback that runs in a worker. It does not count
    /// against ``limit``, and is borrowed by the threads that perform the worker's calls.
    ///
    /// - Returns: the token and its entry; `nil` if the client does not wait any more.
    func hold(_ token: ReplyToken) -> (token: ReplyToken, entry: ReplyTokenEntry)? {
        state.withLock { state in
            guard let slot = slot(of: token, in: state), let entry = state.slots[slot].entry else { return nil }
            advance(&state.slots[slot])
            state.slots[slot].thread = Self.noThread
            return (ReplyToken(slot: slot, generation: state.slots[slot].generation), entry)
        }
    }

    /// The number of a thread that is not the host's: of those that perform a worker's calls.
    private static let noThread: UInt64 = 0

    /// Adds an entry for a callback that runs in a worker; `nil` as ``enter(_:kept:)``.
    func enterHeld(_ entry: ReplyTokenEntry) -> ReplyToken? {
        guard let token = enter(entry, kept: false) else { return nil }
        return hold(token)?.token
    }

    enum Completion {
        /// The entry was removed; the caller must complete it.
        case entry(ReplyTokenEntry)
        case gone
        /// A callback on another thread has borrowed it.
        case elsewhere
        /// It is completed by another function; the entry stays.
        case otherKind
    }

    /// Removes an entry that the plugin completes.
    ///
    /// - Parameter wanted: whether the caller can complete this kind of entry; other kinds stay.
    func complete(_ token: ReplyToken, where wanted: (ReplyTokenEntry) -> Bool) -> Completion {
        let thread = ThreadState.currentNumber
        return state.withLock { state in
            guard let slot = slot(of: token, in: state), let entry = state.slots[slot].entry else { return .gone }
            guard wanted(entry) else { return .otherKind }
            guard state.slots[slot].isKept || state.slots[slot].thread == thread else { return .elsewhere }
            remove(slot, &state)
            return .entry(entry)
        }
    }

    /// Removes the entry of a callback that has returned; `nil` if it was completed or kept.
    func reclaim(_ token: ReplyToken) -> ReplyTokenEntry? {
        state.withLock { state in
            guard let slot = slot(of: token, in: state), let entry = state.slots[slot].entry else { return nil }
            remove(slot, &state)
            return entry
        }
    }

    enum LookupResult {
        /// The entry. ``peek(_:)`` leaves it in the table, ``drop(_:)`` removes it.
        case entry(ReplyTokenEntry)
        case gone
        case borrowed
    }

    /// The entry of a kept token.
    func peek(_ token: ReplyToken) -> LookupResult {
        state.withLock { state in
            guard let slot = slot(of: token, in: state), let entry = state.slots[slot].entry else { return .gone }
            return state.slots[slot].isKept ? .entry(entry) : .borrowed
        }
    }

    /// Removes a kept token that the plugin will not complete.
    func drop(_ token: ReplyToken) -> LookupResult {
        state.withLock { state in
            guard let slot = slot(of: token, in: state), let entry = state.slots[slot].entry else { return .gone }
            guard state.slots[slot].isKept else { return .borrowed }
            remove(slot, &state)
            return .entry(entry)
        }
    }

    // MARK: Reloading

    /// A kept token, with what it answers.
    struct Kept: Sendable {
        let token: ReplyToken
        let entry: ReplyTokenEntry
        /// On ``Clock/monotonicNanoseconds``.
        let since: Int64
    }

    /// The kept tokens whose client still waits, the oldest first.
    var waiting: [Kept] {
        state.withLock { state in
            state.slots.indices.compactMap { kept(at: $0, state) }.sorted { $0.since < $1.since }
        }
    }

    /// Removes the entries of kept tokens, for the table of the version that replaces the plugin. Their slots stay
    /// reserved until ``takeBack(_:)``.
    ///
    /// - Returns: those whose client still waits.
    func lend(_ tokens: [ReplyToken]) -> [Kept] {
        state.withLock { state in
            tokens.compactMap { token in
                guard let slot = slot(of: token, in: state), let kept = kept(at: slot, state) else { return nil }
                state.slots[slot].entry = nil
                state.slots[slot].isKept = false
                state.slots[slot].isLent = true
                state.kept -= 1
                return kept
            }
        }
    }

    /// Adds entries of another table under the same tokens. For a table that has kept none.
    func adopt(_ tokens: [Kept]) {
        state.withLock { state in
            for kept in tokens {
                let slot = kept.token.slot
                while state.slots.count <= slot { state.slots.append(Slot()) }
                state.slots[slot] = Slot(
                    generation: kept.token.generation, entry: kept.entry, isKept: true, keptAt: kept.since)
                state.kept += 1
            }
            state.free.removeAll()
            for slot in state.slots.indices where state.slots[slot].entry == nil { state.free.append(Int32(slot)) }
        }
    }

    /// Restores entries that were lent; the others were completed meanwhile.
    func takeBack(_ tokens: [Kept]) {
        state.withLock { state in
            for kept in tokens where slot(of: kept.token, in: state) != nil && state.slots[kept.token.slot].isLent {
                state.slots[kept.token.slot].entry = kept.entry
                state.slots[kept.token.slot].isKept = true
                state.slots[kept.token.slot].isLent = false
                state.kept += 1
            }
            for slot in state.slots.indices where state.slots[slot].isLent { remove(slot, &state) }
        }
    }

    private func kept(at slot: Int, _ state: borrowing State) -> Kept? {
        let found = state.slots[slot]
        guard found.isKept, let entry = found.entry, isWaiting(entry) else { return nil }
        return Kept(
            token: ReplyToken(slot: slot, generation: found.generation), entry: entry, since: found.keptAt)
    }

    /// Removes and returns all entries; none is added from now on.
    func close() -> [ReplyTokenEntry] {
        state.withLock { state in
            state.isClosed = true
            let entries = state.slots.compactMap(\.entry)
            for slot in state.slots.indices where state.slots[slot].entry != nil { remove(slot, &state) }
            return entries
        }
    }

    /// Removes and returns all entries, because the worker that held them has ended.
    func removeAll() -> [ReplyTokenEntry] {
        state.withLock { state in
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
        state.slots[slot].isLent = false
        advance(&state.slots[slot])
        state.free.append(Int32(slot))
    }

    private func advance(_ slot: inout Slot) {
        slot.generation =
            slot.generation & ReplyToken.generationMask == ReplyToken.generationMask ? 1 : slot.generation + 1
    }

    /// Removes kept entries whose client no longer waits, which a plugin has forgotten. Called only when the limit is
    /// reached.
    private func sweep(_ state: inout State) {
        for slot in state.slots.indices {
            if let entry = state.slots[slot].entry, state.slots[slot].isKept, !isWaiting(entry) { remove(slot, &state) }
        }
    }
}

/// The parts of a `jf_token`. 0 means that no client waits.
///
/// Borrowed: 1 (1 bit) | thread (15) | sequence (48): the ack of the event whose handler is running; needs no table
/// entry. In a table: 0 (1 bit) | generation (39) | slot (24): a token that outlives its callback.
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

/// The client or plugin that a token in a table answers.
enum ReplyTokenEntry: Sendable {
    /// A socket, for the ack `id`.
    case ack(socket: SocketHandle, id: UInt64)
    /// An HTTP client.
    case reply(PluginReply)
    /// A client that asked to join a namespace, and the index of the hook that decides.
    case decision(AdmitHookChain, stage: Int)
    /// A plugin that calls a method of this one.
    case call(ServiceCall)
}
