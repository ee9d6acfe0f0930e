import Synchronization

/// What is measured of one inline callback: one line of counters for each loop.
///
/// Never freed, like the plugin that it belongs to.
///
/// `@unchecked Sendable`: `lines` is written by `init` only; each line is written by its loop, and what other threads read of it is atomic.
final class InlineMeter: @unchecked Sendable {
    let callback: Callback
    unowned(unsafe) let plugin: LoadedPlugin
    /// Whether the plugin may declare another `run` for it.
    private let isChoice: Bool
    private let lines: UnsafeMutablePointer<InlineCounters>
    private let count: Int

    init(_ callback: Callback, of plugin: LoadedPlugin, isChoice: Bool = true) {
        self.callback = callback
        self.plugin = plugin
        self.isChoice = isChoice
        count = plugin.host.contexts.count
        // `UnsafeMutablePointer.allocate` aligns to 16 bytes at most. The stride of the counters is the line.
        lines = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<InlineCounters>.stride, alignment: InlineCounters.lineSize)
            .bindMemory(to: InlineCounters.self, capacity: count)
        for index in 0..<count { (lines + index).initialize(to: InlineCounters()) }
    }

    /// The counters of one loop.
    @inline(__always)
    func line(_ loop: Int) -> UnsafeMutablePointer<InlineCounters> { lines + loop }

    /// Counts a call that was timed, and warns if it was slow. [loop]
    func timed(_ time: Int64, loop index: Int) {
        let line = lines + index
        guard let slow = line.pointee.timed(time, budget: Int64(plugin.host.options.inlineBudget) * 1_000) else { return }
        let remedy = isChoice ? "it must not block, or must be declared JF_RUN_STRAND" : "it must not block"
        plugin.log.warning(
            "\(callback.title) took \(time / 1_000) µs on loop \(index) (\(slow) such calls seen); every other socket of the loop waited: \(remedy)")
    }

    /// Calls on all loops.
    var calls: UInt64 { sum { $0.calls.load(ordering: .relaxed) } }
    /// Calls that took longer than the budget.
    var slow: UInt64 { sum { $0.slow.load(ordering: .relaxed) } }
    /// Nanoseconds in all calls; an estimate while only some are timed.
    var nanoseconds: Int64 { Int64(clamping: sum { $0.time.load(ordering: .relaxed) }) }

    private func sum(_ value: (borrowing InlineCounters) -> UInt64) -> UInt64 {
        (0..<count).reduce(0) { $0 &+ value(lines[$1]) }
    }
}
