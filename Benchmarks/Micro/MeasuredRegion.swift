import CAllocations

/// Runs `body` in a function that valgrind can select, and counts its allocations.
enum MeasuredRegion {
    private final class Box {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    static func run(_ body: @escaping () -> Void) -> allocation_counts {
        let box = Box(body)
        let before = allocations_so_far()
        // Unretained, because the box outlives the call.
        measured_region(
            { Unmanaged<Box>.fromOpaque($0!).takeUnretainedValue().body() }, Unmanaged.passUnretained(box).toOpaque())
        let after = allocations_so_far()
        return withExtendedLifetime(box) {
            allocation_counts(
                allocations: after.allocations - before.allocations, frees: after.frees - before.frees,
                bytes: after.bytes - before.bytes)
        }
    }

    /// Whether allocations are counted. If not, every operation would seem to have none.
    static var counts: Bool {
        let counted = run {
            for size in 1...100 {
                let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 1)
                opaque(memory)
                memory.deallocate()
            }
        }
        return counted.allocations == 100 && counted.frees == 100 && counted.bytes == 5050
    }
}
