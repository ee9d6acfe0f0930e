/// The bytes of a message as they come from the network. Readers may write to them, so each read gets a new copy.
struct Message: ~Copyable {
    private let original: UnsafeRawBufferPointer
    private let received: UnsafeMutableRawBufferPointer

    init(_ text: StaticString) {
        original = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        received = .allocate(byteCount: original.count, alignment: 16)
    }

    deinit { received.deallocate() }

    mutating func withFreshBytes(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        received.copyMemory(from: original)
        body(received)
    }
}

/// The bytes of a literal.
func bytes(of text: StaticString) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
}
