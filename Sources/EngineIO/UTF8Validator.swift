/// Validates UTF-8 that arrives in pieces, and fails at the first invalid byte (RFC 3629: no overlong forms, no
/// surrogates, nothing above U+10FFFF).
public struct UTF8Validator: Sendable {
    public init() {}

    /// Continuation bytes still expected.
    private var due: UInt8 = 0
    /// The range of the next continuation byte: after some first bytes narrower than 80...BF.
    private var low: UInt8 = 0x80
    private var high: UInt8 = 0xBF

    /// Whether the input does not end within a character.
    public var isComplete: Bool { due == 0 }

    /// Validates the next piece. Returns false if the input is not UTF-8.
    public mutating func validate(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        let count = bytes.count
        while index < count {
            if due == 0 {
                // Most text is ASCII: checks eight bytes at a time.
                while index + 8 <= count,
                    bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
                {
                    index += 8
                }
                guard index < count else { break }
            }
            guard validate(bytes[index]) else { return false }
            index += 1
        }
        return true
    }

    @inline(__always)
    private mutating func validate(_ byte: UInt8) -> Bool {
        if due > 0 {
            guard byte >= low, byte <= high else { return false }
            due -= 1
            low = 0x80
            high = 0xBF
            return true
        }
        switch byte {
        case 0x00...0x7F: return true
        case 0xC2...0xDF: due = 1
        case 0xE0: (due, low) = (2, 0xA0)
        case 0xED: (due, high) = (2, 0x9F)
        case 0xE1...0xEF: due = 2
        case 0xF0: (due, low) = (3, 0x90)
        case 0xF1...0xF3: due = 3
        case 0xF4: (due, high) = (3, 0x8F)
        default: return false
        }
        return true
    }

    /// Whether `bytes` are complete, valid UTF-8.
    public static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var validator = UTF8Validator()
        return validator.validate(bytes) && validator.isComplete
    }
}
