import CCrashReport
import Synchronization

/// The counters of one inline callback: one cache line for each loop.
///
/// Never freed, like its plugin.
///
/// `@unchecked Sendable`: `lines` and `mark` are written by `init` only; each line is written by its loop, and the
/// fields that other threads read are atomic.
final class InlineMeter: @unchecked Sendable {
    let callback: Callback
    /// What a loop publishes while the callback runs. The handler of fatal signals reads it.
    let mark: UnsafeMutablePointer<jf_crash_callback>
    unowned(unsafe) let plugin: LoadedPlugin
    /// Whether the plugin could declare another run mode for this callback.
    private let isChoice: Bool
    private let lines: UnsafeMutablePointer<InlineCounters>
    private let count: Int

    init(_ callback: Callback, of plugin: LoadedPlugin, isChoice: Bool = true) {
        self.callback = callback
        self.plugin = plugin
        self.isChoice = isChoice
        mark = jf_crash_callback_make(nil, callback.title, plugin.identity.raw)
        count = plugin.host.contexts.count
        // Allocated with an explicit alignment, because `UnsafeMutablePointer.allocate` aligns to 16 bytes at most. The
        // stride of `InlineCounters` is the line size.
        lines = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<InlineCounters>.stride, alignment: InlineCounters.lineSize
        )
        .bindMemory(to: InlineCounters.self, capacity: count)
        for index in 0..<count { (lines + index).initialize(to: InlineCounters()) }
        mark.pointee.object = UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    /// The meter that has this mark.
    static func of(_ mark: UnsafeMutablePointer<jf_crash_callback>) -> Unmanaged<InlineMeter> {
        // `init` sets it, and it is never changed.
        Unmanaged.fromOpaque(mark.pointee.object.unsafelyUnwrapped)
    }

    /// The counters of one loop.
    @inline(__always)
    func line(_ loop: Int) -> UnsafeMutablePointer<InlineCounters> { lines + loop }

    /// Counts a call that was timed, and warns if it was slow. [loop]
    func timed(_ time: Int64, loop index: Int) {
        let line = lines + index
        plugin.inlineTimes[index].add(time, count: line.pointee.weight)
        guard let slow = line.pointee.timed(time, budget: Int64(plugin.host.options.inlineBudget) * 1_000) else {
            return
        }
        let remedy = isChoice ? "it must not block, or must be declared JF_RUN_STRAND" : "it must not block"
        plugin.log.warning(
            "\(callback.title) took \(time / 1_000) µs on loop \(index) (\(slow) such calls seen); every other socket of the loop waited: \(remedy)"
        )
    }

    /// Calls, summed over all loops.
    var calls: UInt64 { sum { $0.calls.load(ordering: .relaxed) } }
    /// Calls that took longer than the budget.
    var slow: UInt64 { sum { $0.slow.load(ordering: .relaxed) } }
    /// Nanoseconds spent in all calls; an estimate while only some calls are timed.
    var nanoseconds: Int64 { Int64(clamping: sum { $0.time.load(ordering: .relaxed) }) }

    private func sum(_ value: (borrowing InlineCounters) -> UInt64) -> UInt64 {
        (0..<count).reduce(0) { $0 &+ value(lines[$1]) }
    }
}

/// The counters that one loop keeps of one inline callback. ``InlineMeter`` puts each on its own cache line, so that
/// counting costs a few plain instructions.
///
/// Only the loop writes them. The fields that other threads read are atomic with relaxed ordering, so the values may be
/// slightly old.
struct InlineCounters: ~Copyable, Sendable {
    let calls = Atomic<UInt64>(0)
    /// Nanoseconds; each timed call is counted for all calls since the previous timed one.
    let time = Atomic<UInt64>(0)
    /// Timed calls above the budget.
    let slow = Atomic<UInt64>(0)
    /// A call is timed if `calls & mask` is 0: every call, or one in 16.
    private var mask: UInt64 = 0
    /// Timed calls in a row within the budget.
    private var streak: UInt32 = 0
    /// The next line is logged at this number of slow calls.
    private var nextWarning: UInt64 = 1
    /// Fills the structure up to ``lineSize``.
    private let padding: (UInt64, UInt64) = (0, 0)

    init() {}

    /// For how many calls a timed one stands.
    var weight: UInt64 { mask &+ 1 }

    /// Bytes of a cache line.
    static let lineSize = 64
    /// After so many timed calls in a row within the budget, only one call in 16 is timed, until one of those is slow.
    static let quickStreak: UInt32 = 1_000
    private static let samplingMask: UInt64 = 15
    /// Nanoseconds. A shorter slow call may be caused by a busy machine, so the first line about such calls is written
    /// only after ``doubtfulCalls``.
    private static let certainlySlow: Int64 = 5_000_000
    private static let doubtfulCalls: UInt64 = 4

    /// Counts a call.
    ///
    /// - Returns: whether the caller must time it.
    @inline(__always)
    mutating func begin() -> Bool {
        let count = calls.load(ordering: .relaxed) &+ 1
        calls.store(count, ordering: .relaxed)
        return count & mask == 0
    }

    /// Counts the time of a call, in nanoseconds.
    ///
    /// - Returns: the number of slow calls so far, if a line must be logged: for the first one, and then whenever the
    ///   number has doubled.
    mutating func timed(_ nanoseconds: Int64, budget: Int64) -> UInt64? {
        time.store(time.load(ordering: .relaxed) &+ UInt64(max(0, nanoseconds)) &* (mask &+ 1), ordering: .relaxed)
        guard nanoseconds > budget else {
            if mask == 0 {
                streak += 1
                if streak >= Self.quickStreak { mask = Self.samplingMask }
            }
            return nil
        }
        mask = 0
        streak = 0
        let count = slow.load(ordering: .relaxed) &+ 1
        slow.store(count, ordering: .relaxed)
        guard count >= nextWarning, nanoseconds >= Self.certainlySlow || count >= Self.doubtfulCalls else { return nil }
        nextWarning = count * 2
        return count
    }
}
