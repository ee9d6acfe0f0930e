import CMalloc
import Glibc
import NIOPosix

/// Gives memory back to the system after a peak: the C library keeps what was freed, all of it, if anything small lies above it.
///
/// Looks once a second, and has the C library give back its free pages when the process is larger than it has been, no longer grows, and either has grown
/// or has lost clients since the last time. That takes a lock of each of the library's arenas in turn, so it is done seldom, and on a thread of its own.
struct MemoryReturn: Sendable {
    /// What a look finds.
    struct Look: Sendable {
        /// The size of the process; bytes.
        var resident: Int
        /// What its clients hold of that, more or less; bytes.
        var load: Int
    }

    /// So much may be free before it is worth it, or a tenth of a large process; bytes.
    private static let worthwhile = 4 << 20
    /// Looks in a row that find the process no larger than the one before.
    private static let calm = 3

    /// The smallest the process was.
    private var smallest: Int
    /// What was found after the last time. The load is the highest since then.
    private var last: Look
    private var previous: Int
    private var calmLooks = 0

    init(_ look: Look) {
        (smallest, last, previous) = (look.resident, look, look.resident)
    }

    /// Looks until the task is cancelled.
    static func run(_ limits: ServerLimits) async {
        var state = MemoryReturn(Look(resident: residentBytes, load: limits.load))
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            guard !Task.isCancelled, state.isWorthwhile(Look(resident: residentBytes, load: limits.load)) else { continue }
            try? await NIOThreadPool.singleton.runIfActive { jf_give_back() }
            state.returned(Look(resident: residentBytes, load: limits.load))
        }
    }

    /// Whether memory is given back now.
    mutating func isWorthwhile(_ look: Look) -> Bool {
        // Pages come and go all the time: a little more is no growth.
        calmLooks = look.resident <= previous + previous / 100 ? calmLooks + 1 : 0
        previous = look.resident
        smallest = min(smallest, look.resident)
        last.load = max(last.load, look.load)
        guard calmLooks >= Self.calm else { return false }
        return Self.isMuch(look.resident - smallest, of: smallest)
            && (Self.isMuch(look.resident - last.resident, of: last.resident) || look.load < last.load / 4 * 3)
    }

    /// It was given back; what is left is in use, until clients go.
    mutating func returned(_ look: Look) {
        (last, previous, calmLooks) = (look, look.resident, 0)
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
