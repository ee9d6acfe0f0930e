/// Bytes collected until they are whole; nothing is allocated while it is empty.
struct ByteStore: ~Copyable {
    private var start: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    init() {}

    deinit {
        start?.deallocate()
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }
    var mutableBytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: start, count: count) }

    /// Appends a copy. Room grows with what has come, never with what was announced.
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        if count + bytes.count > capacity {
            capacity = max(capacity * 2, count + bytes.count, 32)
            let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
            if let start {
                larger.copyMemory(from: start, byteCount: count)
                start.deallocate()
            }
            start = larger
        }
        (start! + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    /// Empties it and frees its memory.
    mutating func removeAll() {
        start?.deallocate()
        start = nil
        capacity = 0
        count = 0
    }
}
