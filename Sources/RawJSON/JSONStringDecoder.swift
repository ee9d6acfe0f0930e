/// Yields the UTF-8 bytes that a string means, escapes decoded, without storing them.
///
/// The content (what stands between the quotes) must have passed ``JSONScanner``. A surrogate without its other half means U+FFFD, since
/// UTF-8 cannot say anything else.
struct JSONStringDecoder {
    private let content: UnsafeRawBufferPointer
    private var at = 0

    /// Bytes of a decoded escape that are still to come, the next one lowest; zero when there are none, for only the first of them can be U+0000.
    private var pending: UInt32 = 0

    init(content: UnsafeRawBufferPointer) {
        self.content = content
    }

    mutating func next() -> UInt8? {
        if pending != 0 {
            let byte = UInt8(truncatingIfNeeded: pending)
            pending &>>= 8
            return byte
        }
        guard at < content.count else { return nil }
        let byte = content[at]
        at += 1
        guard byte == UInt8(ascii: "\\") else { return byte }
        let escape = content[at]
        at += 1
        switch escape {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"): return encode(scalarAfterEscape())
        default: return escape
        }
    }

    /// The scalar of `\uXXXX`, the `\u` already read, and of the low surrogate's escape where one follows.
    private mutating func scalarAfterEscape() -> UInt32 {
        let unit = hexadecimal(at: at)
        at += 4
        guard unit & 0xF800 == 0xD800 else { return unit }
        guard unit < 0xDC00, at + 6 <= content.count, content[at] == UInt8(ascii: "\\"), content[at + 1] == UInt8(ascii: "u") else {
            return 0xFFFD
        }
        let low = hexadecimal(at: at + 2)
        guard low & 0xFC00 == 0xDC00 else { return 0xFFFD }
        at += 6
        return 0x10000 + (unit & 0x3FF) << 10 + (low & 0x3FF)
    }

    private func hexadecimal(at start: Int) -> UInt32 {
        var value: UInt32 = 0
        for index in start..<start + 4 {
            let byte = content[index]
            value = value << 4 | UInt32(byte < 0x3A ? byte & 0x0F : (byte & 0x0F) + 9)
        }
        return value
    }

    /// Returns the first byte of the scalar's encoding and leaves the others pending.
    private mutating func encode(_ scalar: UInt32) -> UInt8 {
        switch scalar {
        case ..<0x80:
            return UInt8(scalar)
        case ..<0x800:
            pending = 0x80 | scalar & 0x3F
            return UInt8(0xC0 | scalar >> 6)
        case ..<0x10000:
            pending = 0x80 | scalar >> 6 & 0x3F | (0x80 | scalar & 0x3F) << 8
            return UInt8(0xE0 | scalar >> 12)
        default:
            pending = 0x80 | scalar >> 12 & 0x3F | (0x80 | scalar >> 6 & 0x3F) << 8 | (0x80 | scalar & 0x3F) << 16
            return UInt8(0xF0 | scalar >> 18)
        }
    }
}
