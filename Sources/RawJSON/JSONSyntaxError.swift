/// A document that is not JSON, and where it stops being it.
public struct JSONSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Offset, in bytes, of the first byte that cannot stand where it stands; the document's length if it ends too early.
    public let offset: Int

    /// The offending byte; `nil` if the document ends too early.
    public let byte: UInt8?

    init(offset: Int, in bytes: UnsafeRawBufferPointer) {
        self.offset = offset
        self.byte = offset < bytes.count ? bytes[offset] : nil
    }

    public var description: String {
        guard let byte else { return "invalid JSON: it ends too early, at byte \(offset)" }
        switch byte {
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            let bracket = Character(UnicodeScalar(byte))
            return "invalid JSON: unexpected '\(bracket)' at byte \(offset), or more than \(JSONScanner.maximumDepth) levels of nesting"
        case 0x21..<0x7F:
            return "invalid JSON: unexpected '\(Character(UnicodeScalar(byte)))' at byte \(offset)"
        case 0x80...:
            return "invalid JSON: byte 0x\(String(byte, radix: 16)) at byte \(offset) is invalid UTF-8 or stands outside a string"
        default:
            return "invalid JSON: unexpected byte 0x\(String(byte, radix: 16)) at byte \(offset)"
        }
    }
}
