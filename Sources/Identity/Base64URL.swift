/// Base64 with the URL alphabet and no padding (RFC 4648 section 5, as RFC 7515 profiles it).
enum Base64URL {
    /// Decodes `text`; `nil` for any byte outside the alphabet, padding, an impossible length, or bits left over at the end that are not zero,
    /// so that every value has exactly one spelling.
    static func decode(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        let tail = text.count % 4
        guard tail != 1 else { return nil }
        let length = text.count / 4 * 3 + (tail == 0 ? 0 : tail - 1)
        var isValid = true
        let decoded = [UInt8](unsafeUninitializedCapacity: length) { output, initialized in
            var bits: UInt32 = 0
            var bitCount = 0
            for byte in text {
                let value = sextet(byte)
                guard value < 64 else {
                    isValid = false
                    return
                }
                bits = bits << 6 | value
                bitCount += 6
                if bitCount >= 8 {
                    bitCount -= 8
                    output[initialized] = UInt8(truncatingIfNeeded: bits >> UInt32(bitCount))
                    initialized += 1
                }
            }
            isValid = bits & (1 << UInt32(bitCount) - 1) == 0
        }
        return isValid ? decoded : nil
    }

    static func append(_ bytes: some Sequence<UInt8>, to output: inout [UInt8]) {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        var bits: UInt32 = 0
        var bitCount = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            bitCount += 8
            while bitCount >= 6 {
                bitCount -= 6
                output.append(alphabet.utf8Start[Int(bits >> UInt32(bitCount) & 63)])
            }
        }
        if bitCount > 0 { output.append(alphabet.utf8Start[Int(bits << UInt32(6 - bitCount) & 63)]) }
    }

    /// The value of one character; 64 for those outside the alphabet.
    private static func sextet(_ byte: UInt8) -> UInt32 {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte) - 71
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) + 4
        case UInt8(ascii: "-"): 62
        case UInt8(ascii: "_"): 63
        default: 64
        }
    }
}
