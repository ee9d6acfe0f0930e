/// Calls `body` with a copy of `bytes` that ends where its memory does, so that AddressSanitizer sees a
/// read or a write past it.
public func withExactCopy<Result>(of bytes: some Collection<UInt8>, _ body: (UnsafeMutableRawBufferPointer) -> Result)
    -> Result
{
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return body(copy)
}
