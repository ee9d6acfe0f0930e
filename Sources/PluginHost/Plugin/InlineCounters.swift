/// What one loop counts of one plugin's inline handlers. Each loop has its own cache line, so that counting costs two plain instructions.
///
/// Written by one loop, read by others: the numbers may be a moment old. The fields are words that the machine loads and stores whole.
struct InlineCounters: BitwiseCopyable {
    var calls: UInt64 = 0
    /// Nanoseconds of the sampled calls.
    var sampledTime: Int64 = 0
    var samples: UInt64 = 0
    var slow: UInt64 = 0
    private var padding: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    init() {}

    /// One call in so many is measured.
    static let samplingMask: UInt64 = 15
}
