/// Variable-length records, one after the other, in one reused block of memory: work crosses between loops and strands
/// without an allocation for each record.
///
/// Each record begins with its length, a multiple of eight, as `UInt32`. The value does not own its block: the holder
/// must call ``release()``.
struct RecordBuffer {
    private(set) var base: UnsafeMutableRawPointer?
    private(set) var count = 0
    private var capacity = 0

    /// A block that has grown beyond this is freed when it is empty.
    private static let keptCapacity = 1 << 20

    var isEmpty: Bool { count == 0 }

    /// Appends one record of `size` bytes, its length already written, and returns its address, which is valid until
    /// the next call.
    @inline(__always)
    mutating func append(size: Int) -> UnsafeMutableRawPointer {
        let rounded = (size &+ 7) & ~7
        if count &+ rounded > capacity { grow(by: rounded) }
        // `grow` made a block if there was none.
        let record = base.unsafelyUnwrapped + count
        record.storeBytes(of: UInt32(truncatingIfNeeded: rounded), as: UInt32.self)
        count &+= rounded
        return record
    }

    /// The length of a record.
    @inline(__always)
    static func size(of record: UnsafeRawPointer) -> Int { Int(record.load(as: UInt32.self)) }

    /// Appends the records of another buffer, starting at `offset`.
    mutating func append(_ other: RecordBuffer, from offset: Int) {
        guard let base = other.base, offset < other.count else { return }
        if count + other.count - offset > capacity { grow(by: other.count - offset) }
        // `grow` made a block if there was none.
        (self.base.unsafelyUnwrapped + count).copyMemory(from: base + offset, byteCount: other.count - offset)
        count += other.count - offset
    }

    mutating func removeAll() {
        count = 0
        if capacity > Self.keptCapacity { release() }
    }

    mutating func release() {
        base?.deallocate()
        base = nil
        count = 0
        capacity = 0
    }

    private mutating func grow(by size: Int) {
        let newCapacity = max(4096, capacity * 2, count + size)
        let block = UnsafeMutableRawPointer.allocate(byteCount: newCapacity, alignment: 16)
        if let base {
            block.copyMemory(from: base, byteCount: count)
            base.deallocate()
        }
        base = block
        capacity = newCapacity
    }
}
