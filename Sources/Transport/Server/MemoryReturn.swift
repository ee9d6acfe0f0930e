import CMalloc
import Glibc
import NIOPosix

/// Gives memory back to the system after a peak: the C library keeps what was freed, all of it, if anything small lies above it.
///
/// Looks once a second, and has the C library give back its free pages when the process has become larger than after the last time and no longer grows.
/// That takes a lock of each of the library's arenas in turn, so it is done seldom, and on a thread of its own.
struct MemoryReturn: Sendable {
    /// So much may be free before it is worth it; bytes.
    private static let worthwhile = 16 << 20
    /// Looks in a row that find the process no larger than the one before; seconds.
    private static let calm = 3

    /// What the process was after the last time; bytes resident.
    private var floor: Int
    private var previous: Int
    private var calmLooks = 0

    init(resident: Int) {
        (floor, previous) = (resident, resident)
    }

    /// Looks until the task is cancelled.
    static func run() async {
        var state = MemoryReturn(resident: residentBytes)
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            guard !Task.isCancelled, state.isWorthwhile(resident: residentBytes) else { continue }
            try? await NIOThreadPool.singleton.runIfActive { jf_give_back() }
            state.returned(resident: residentBytes)
        }
    }

    /// Whether memory is given back now.
    mutating func isWorthwhile(resident: Int) -> Bool {
        // Pages come and go all the time: a little more is no growth.
        calmLooks = resident <= previous + previous / 100 ? calmLooks + 1 : 0
        previous = resident
        floor = min(floor, resident)
        return calmLooks >= Self.calm && resident - floor > max(Self.worthwhile, floor / 10)
    }

    /// It was given back; what is left is in use.
    mutating func returned(resident: Int) {
        (floor, previous, calmLooks) = (resident, resident, 0)
    }

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
