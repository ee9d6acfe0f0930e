import CAllocations

/// Has the optimizer believe that the value is looked at, so that it has to be computed.
@inline(__always)
func opaque<Value>(_ value: Value) {
    withUnsafePointer(to: value) { _ = unseen($0) }
}

/// The same bytes, of which the optimizer knows nothing, so that what is computed from them is computed each time.
@inline(__always)
func unknown(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: unseen(bytes.baseAddress), count: bytes.count)
}
