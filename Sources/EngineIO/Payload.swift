/// The packets of a polling payload, one after the other: `packet (U+001E packet)*`.
struct Payload: Sequence, IteratorProtocol {
    private var rest: UnsafeMutableRawBufferPointer?

    init(_ bytes: UnsafeMutableRawBufferPointer) {
        rest = bytes
    }

    /// The next packet. An empty payload is one malformed packet, and so is what two separators enclose.
    mutating func next() -> EnginePacket? {
        guard let bytes = rest else { return nil }
        guard let separator = bytes.firstIndex(of: EnginePacket.separator) else {
            rest = nil
            return EnginePacket(decoding: bytes)
        }
        rest = UnsafeMutableRawBufferPointer(rebasing: bytes[(separator + 1)...])
        return EnginePacket(decoding: UnsafeMutableRawBufferPointer(rebasing: bytes[..<separator]))
    }
}
