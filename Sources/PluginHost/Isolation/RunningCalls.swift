import Support

/// The callbacks that one worker has been sent and that have not returned, in order for each strand. Not thread-safe.
///
/// Each strand of the worker runs its callbacks in the order in which they were sent: the first one runs, the others
/// wait. Those that wait use the plugin's ``QueueBudget``, as those that wait in the daemon do.
struct RunningCalls {
    private var calls: [UInt64: RunningCall] = [:]
    /// The numbers of each strand's callbacks. Those before `first` have returned.
    private var lanes: [Int: Lane] = [:]
    /// Bytes of all payloads, approximately.
    private(set) var bytes = 0
    private var last: UInt64 = 0

    private struct Lane {
        var numbers: [UInt64] = []
        var first = 0
        /// When a callback last returned.
        var progress: Int64 = 0
        /// How long a callback takes, in nanoseconds: an average in which the last 16 count most.
        var time: Int64 = 0

        var count: Int { numbers.count - first }

        var running: UInt64? { first < numbers.count ? numbers[first] : nil }

        mutating func removeFirst() {
            first += 1
            if first == numbers.count {
                numbers.removeAll(keepingCapacity: true)
                first = 0
            } else if first >= 1_024 {
                numbers.removeFirst(first)
                first = 0
            }
        }
    }

    /// Callbacks that one strand may have in the worker, however long they take.
    private static let least = 16
    /// How long the callbacks of one strand that are in the worker may take together, approximately, in nanoseconds.
    /// They run in the order in which they were sent, so the others wait in the daemon, where a client that floods the
    /// plugin delays only itself; see ``Strand``.
    private static let longest: Int64 = 5_000_000

    /// Whether a strand has enough callbacks in the worker.
    func isFull(_ lane: Int) -> Bool {
        guard let lane = lanes[lane], lane.count >= Self.least else { return false }
        return Int64(lane.count) * lane.time > Self.longest
    }

    var count: Int { calls.count }
    var isEmpty: Bool { calls.isEmpty }

    /// Adds a callback that is about to be sent.
    ///
    /// - Returns: its number, and whether it waits behind another one.
    mutating func add(_ call: RunningCall) -> (number: UInt64, waits: Bool) {
        last += 1
        let waits = lanes[call.lane]?.running != nil
        lanes[call.lane, default: Lane()].numbers.append(last)
        calls[last] = call
        bytes += call.bytes
        return (last, waits)
    }

    /// Removes a callback that has returned.
    ///
    /// - Returns: the callback, and the one that now runs in its place; `nil` if it was not running.
    mutating func finish(_ number: UInt64) -> (call: RunningCall, next: RunningCall?)? {
        guard let lane = calls[number]?.lane, lanes[lane]?.running == number,
            let call = calls.removeValue(forKey: number)
        else { return nil }
        let now = Clock.monotonicNanoseconds
        lanes[lane]?.removeFirst()
        if let (progress, time) = lanes[lane].map({ ($0.progress, $0.time) }) {
            lanes[lane]?.time = time + (now - max(progress, call.since) - time) / 16
        }
        lanes[lane]?.progress = now
        bytes -= call.bytes
        return (call, lanes[lane]?.running.flatMap { calls[$0] })
    }

    /// Whether a callback waits behind another one.
    func isWaiting(_ number: UInt64) -> Bool { calls[number].map { lanes[$0.lane]?.running != number } ?? false }

    /// Removes the callback of a strand that was added last, because it was not sent.
    ///
    /// - Returns: `false` if it is not there any more.
    mutating func undo(_ number: UInt64) -> Bool {
        guard let call = calls[number], lanes[call.lane]?.numbers.last == number else { return false }
        calls[number] = nil
        lanes[call.lane]?.numbers.removeLast()
        bytes -= call.bytes
        return true
    }

    /// The number of the callback that runs for the longest time, on any strand; 0: none runs.
    var oldest: UInt64 {
        lanes.values.compactMap { lane in lane.running.map { ($0, max(calls[$0]?.since ?? 0, lane.progress)) } }
            .min { $0.1 < $1.1 }?.0 ?? 0
    }

    /// The callbacks that run, one for each strand; those that were sent first come first. With the moment since when
    /// nothing has returned on the strand.
    var running: [(call: RunningCall, since: Int64)] {
        lanes.values.compactMap { lane in lane.running.map { (number: $0, progress: lane.progress) } }
            .sorted { $0.number < $1.number }
            .compactMap { item in calls[item.number].map { ($0, max($0.since, item.progress)) } }
    }

    /// Removes and returns all callbacks, in the order in which they were sent, and the number and the bytes of those
    /// that waited.
    mutating func removeAll() -> (calls: [RunningCall], waiting: Int, waitingBytes: Int) {
        let all = calls.sorted { $0.key < $1.key }.map(\.value)
        let running = self.running
        let waitingBytes = all.reduce(0) { $0 + $1.queueBytes } - running.reduce(0) { $0 + $1.call.queueBytes }
        let result = (all, all.count - running.count, waitingBytes)
        calls = [:]
        lanes = [:]
        bytes = 0
        return result
    }
}
