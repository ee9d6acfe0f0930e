import CAllocations

/// Makes the optimizer treat the value as used, so that it must be computed.
@inline(__always)
func opaque<Value>(_ value: Value) {
    withUnsafePointer(to: value) { _ = unseen($0) }
}

/// Returns the same bytes, about which the optimizer knows nothing, so that a computation with them is not moved out of
/// a loop.
@inline(__always)
func unknown(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: unseen(bytes.baseAddress), count: bytes.count)
}
