/// Bytes on their way out. A plain value: whoever holds it last frees it or gives it back to the pool.
struct OutputBuffer {
    private(set) var start: UnsafeMutableRawPointer
    private(set) var capacity: Int
    var count = 0

    init(capacity: Int) {
        start = .allocate(byteCount: capacity, alignment: 16)
        self.capacity = capacity
    }

    /// Makes room for `more` bytes behind those there are.
    mutating func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        let larger = max(capacity * 2, count + more)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        moved.copyMemory(from: start, byteCount: count)
        start.deallocate()
        start = moved
        capacity = larger
    }

    /// Appends `size` bytes, which the caller writes to where this points.
    mutating func append(_ size: Int) -> UnsafeMutableRawPointer {
        reserve(size)
        defer { count += size }
        return start + count
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    func deallocate() {
        start.deallocate()
    }
}
