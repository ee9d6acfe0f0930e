/// The packets of a polling payload, one after the other: `packet (U+001E packet)*`.
struct Payload: Sequence, IteratorProtocol {
    private var rest: UnsafeMutableRawBufferPointer?

    init(_ bytes: UnsafeMutableRawBufferPointer) {
        rest = bytes
    }

    /// The next packet. An empty payload is one malformed packet, and so is what two separators enclose.
    mutating func next() -> Packet? {
        guard let bytes = rest else { return nil }
        guard let separator = bytes.firstIndex(of: Packet.separator) else {
            rest = nil
            return Packet(decoding: bytes)
        }
        rest = UnsafeMutableRawBufferPointer(rebasing: bytes[(separator + 1)...])
        return Packet(decoding: UnsafeMutableRawBufferPointer(rebasing: bytes[..<separator]))
    }
}
