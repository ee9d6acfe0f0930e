/// Calls `body` with a copy of `bytes` in an allocation of the same size, so that AddressSanitizer finds an access
/// beyond its end.
public func withExactCopy<Result>(of bytes: some Collection<UInt8>, _ body: (UnsafeMutableRawBufferPointer) -> Result)
    -> Result
{
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return body(copy)
}
