import CMalloc
import Glibc
import NIOPosix

/// Returns memory to the system after a peak. The C library keeps all freed memory below any block still in use.
///
/// Every second, it compares the size of the process with earlier samples. It has the C library release its free pages
/// when the process is larger than its smallest size, no longer grows, and has either grown or lost clients since the
/// last trim. Trimming locks each of the library's arenas in turn, so it is rare and runs on a thread of its own.
struct MemoryTrimmer: Sendable {
    /// One measurement.
    struct Sample: Sendable {
        /// Resident memory of the process; bytes.
        var resident: Int
        /// The estimated part of it that clients hold; bytes.
        var load: Int
    }

    /// The least growth that is worth a trim; for large processes it is a tenth of their size; bytes.
    private static let worthwhile = 4 << 20
    /// The process counts as steady after this many samples in a row without growth.
    private static let steadySamplesNeeded = 3

    /// The smallest resident size so far; bytes.
    private var smallest: Int
    /// The sample after the last trim, with the highest load since then.
    private var last: Sample
    private var previous: Int
    private var steadySamples = 0

    init(_ sample: Sample) {
        (smallest, last, previous) = (sample.resident, sample, sample.resident)
    }

    /// Samples and trims until the task is cancelled.
    static func run(_ limits: ServerLimits) async {
        jf_limit_heap_slack()
        var state = MemoryTrimmer(Sample(resident: residentBytes, load: limits.load))
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            guard !Task.isCancelled, state.shouldTrim(Sample(resident: residentBytes, load: limits.load)) else {
                continue
            }
            let load = limits.load
            try? await NIOThreadPool.singleton.runIfActive { jf_trim_heap() }
            // What clients let go of meanwhile may have come too late for it: the load is the one before.
            state.trimmed(Sample(resident: residentBytes, load: load))
        }
    }

    /// Records `sample`. Returns whether memory should be trimmed now.
    mutating func shouldTrim(_ sample: Sample) -> Bool {
        // Up to 1 % more is noise, not growth.
        steadySamples = sample.resident <= previous + previous / 100 ? steadySamples + 1 : 0
        previous = sample.resident
        smallest = min(smallest, sample.resident)
        last.load = max(last.load, sample.load)
        guard steadySamples >= Self.steadySamplesNeeded else { return false }
        return Self.isMuch(sample.resident - smallest, of: smallest)
            && (Self.isMuch(sample.resident - last.resident, of: last.resident) || sample.load < last.load / 4 * 3)
    }

    /// Records the sample after a trim: what is still resident is in use.
    mutating func trimmed(_ sample: Sample) {
        (last, previous, steadySamples) = (sample, sample.resident, 0)
    }

    private static func isMuch(_ bytes: Int, of whole: Int) -> Bool { bytes > max(worthwhile, whole / 10) }

    /// Resident memory of the process in bytes; 0 if the system does not report it.
    static var residentBytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, CInt(line.count), file) != nil else { return 0 }
        // Two numbers of pages: the address space, then the resident part.
        let numbers = line.prefix { $0 != 0 }.split(separator: 0x20)
        guard numbers.count > 1 else { return 0 }
        return numbers[1].reduce(0) { $0 * 10 + Int($1 - 0x30) } * Int(getpagesize())
    }
}
