import Synchronization

/// Numbers for threads, 1…32767 and over again.
enum ThreadNumber {
    private static let last = Atomic<UInt64>(0)

    static func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue % 0x7FFF + 1 }
}
