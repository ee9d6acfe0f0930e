import CMalloc
import Glibc
import NIOPosix

/// Gives memory back to the system after a peak: the C library keeps what was freed, all of it, if
/// anything small lies above it.
///
/// Looks once a second, and has the C library give back its free pages when the process is larger than it has been, no
/// longer grows, and either has grown or has lost clients since the last time. That takes a lock of each of the
/// library's arenas in turn, so it is done seldom, and on a thread of its own.
struct MemoryTrimmer: Sendable {
    /// What a look finds.
    struct Sample: Sendable {
        /// The size of the process; bytes.
        var resident: Int
        /// What its clients hold of that, more or less; bytes.
        var load: Int
    }

    /// So much may be free before it is worth it, or a tenth of a large process; bytes.
    private static let worthwhile = 4 << 20
    /// Looks in a row that find the process no larger than the one before.
    private static let steadySamplesNeeded = 3

    /// The smallest the process was.
    private var smallest: Int
    /// What was found after the last time. The load is the highest since then.
    private var last: Sample
    private var previous: Int
    private var steadySamples = 0

    init(_ sample: Sample) {
        (smallest, last, previous) = (sample.resident, sample, sample.resident)
    }

    /// Looks until the task is cancelled.
    static func run(_ limits: ServerLimits) async {
        jf_limit_heap_slack()
        var state = MemoryTrimmer(Sample(resident: residentBytes, load: limits.load))
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            guard !Task.isCancelled, state.shouldTrim(Sample(resident: residentBytes, load: limits.load)) else {
                continue
            }
            try? await NIOThreadPool.singleton.runIfActive { jf_trim_heap() }
            state.trimmed(Sample(resident: residentBytes, load: limits.load))
        }
    }

    /// Whether memory is given back now.
    mutating func shouldTrim(_ sample: Sample) -> Bool {
        // Pages come and go all the time: a little more is no growth.
        steadySamples = sample.resident <= previous + previous / 100 ? steadySamples + 1 : 0
        previous = sample.resident
        smallest = min(smallest, sample.resident)
        last.load = max(last.load, sample.load)
        guard steadySamples >= Self.steadySamplesNeeded else { return false }
        return Self.isMuch(sample.resident - smallest, of: smallest)
            && (Self.isMuch(sample.resident - last.resident, of: last.resident) || sample.load < last.load / 4 * 3)
    }

    /// It was given back; what is left is in use, until clients go.
    mutating func trimmed(_ sample: Sample) {
        (last, previous, steadySamples) = (sample, sample.resident, 0)
    }

    private static func isMuch(_ bytes: Int, of whole: Int) -> Bool { bytes > max(worthwhile, whole / 10) }

    /// What the process has of the machine's memory; 0 where the system does not say.
    static var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, CInt(line.count), file) != nil else { return 0 }
        // The size of the address space, then what is resident, in pages.
        let numbers = line.prefix { $0 != 0 }.split(separator: 0x20)
        guard numbers.count > 1 else { return 0 }
        return numbers[1].reduce(0) { $0 * 10 + Int($1 - 0x30) } * Int(getpagesize())
    }
}
