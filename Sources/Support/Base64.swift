/// Base64 (RFC 4648) in the variants that Engine.IO, tokens and the WebSocket handshake use.
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlAlphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The value of each character, 0 ..< 64, in either alphabet; 255 for all others.
    private static let digits = values(of: alphabet, urlAlphabet)
    private static let urlDigits = values(of: urlAlphabet)

    private static func values(of alphabets: [UInt8]...) -> [UInt8] {
        var digits = [UInt8](repeating: 255, count: 256)
        for alphabet in alphabets {
            for (value, character) in alphabet.enumerated() { digits[Int(character)] = UInt8(value) }
        }
        return digits
    }

    // MARK: Padded

    /// The length of `count` encoded bytes, padding included.
    public static func encodedCount(_ count: Int) -> Int {
        (count + 2) / 3 * 4
    }

    /// Encodes `source` to `target`, which must have room for ``encodedCount(_:)`` bytes.
    public static func encode(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
        let target = target.assumingMemoryBound(to: UInt8.self)
        alphabet.withUnsafeBufferPointer { alphabet in
            var offset = 0
            var index = 0
            while index + 2 < source.count {
                let bits = UInt32(source[index]) << 16 | UInt32(source[index + 1]) << 8 | UInt32(source[index + 2])
                target[offset] = alphabet[Int(bits >> 18)]
                target[offset + 1] = alphabet[Int(bits >> 12 & 63)]
                target[offset + 2] = alphabet[Int(bits >> 6 & 63)]
                target[offset + 3] = alphabet[Int(bits & 63)]
                index += 3
                offset += 4
            }
            guard index < source.count else { return }
            let isLast = index + 1 == source.count
            let bits = UInt32(source[index]) << 16 | (isLast ? 0 : UInt32(source[index + 1]) << 8)
            target[offset] = alphabet[Int(bits >> 18)]
            target[offset + 1] = alphabet[Int(bits >> 12 & 63)]
            target[offset + 2] = isLast ? 0x3D : alphabet[Int(bits >> 6 & 63)]
            target[offset + 3] = 0x3D
        }
    }

    /// Decodes in place and returns the number of decoded bytes. As lenient as the decoder of the reference server:
    /// padding may be missing, both alphabets are accepted, other characters are skipped, and decoding stops at the
    /// first `=`.
    public static func decode(inPlace bytes: UnsafeMutableRawBufferPointer) -> Int {
        digits.withUnsafeBufferPointer { digits in
            var bits: UInt32 = 0
            var held = 0
            var written = 0
            for index in 0..<bytes.count {
                let character = bytes[index]
                if character == 0x3D { break }
                let digit = digits[Int(character)]
                if digit == 255 { continue }
                bits = bits << 6 | UInt32(digit)
                held += 6
                if held >= 8 {
                    held -= 8
                    bytes[written] = UInt8(truncatingIfNeeded: bits >> UInt32(held))
                    written += 1
                }
            }
            return written
        }
    }

    /// Whether `byte` is a digit of the standard alphabet.
    public static func isDigit(_ byte: UInt8) -> Bool {
        digits[Int(byte)] != 255 && byte != UInt8(ascii: "-") && byte != UInt8(ascii: "_")
    }

    // MARK: For URLs, without padding: section 5, as RFC 7515 profiles it

    /// Decodes `text`. `nil` if it contains a byte outside the alphabet or padding, has an impossible length, or has
    /// non-zero bits left over at the end: so every value has exactly one encoding.
    public static func decodeURL(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        let tail = text.count % 4
        guard tail != 1 else { return nil }
        let length = text.count / 4 * 3 + (tail == 0 ? 0 : tail - 1)
        var isValid = true
        let decoded = [UInt8](unsafeUninitializedCapacity: length) { output, initialized in
            urlDigits.withUnsafeBufferPointer { digits in
                var bits: UInt32 = 0
                var bitCount = 0
                for byte in text {
                    let value = digits[Int(byte)]
                    guard value < 64 else {
                        isValid = false
                        return
                    }
                    bits = bits << 6 | UInt32(value)
                    bitCount += 6
                    if bitCount >= 8 {
                        bitCount -= 8
                        output[initialized] = UInt8(truncatingIfNeeded: bits >> UInt32(bitCount))
                        initialized += 1
                    }
                }
                isValid = bits & (1 << UInt32(bitCount) - 1) == 0
            }
        }
        return isValid ? decoded : nil
    }

    /// Appends the encoding of `bytes`.
    public static func appendURL(_ bytes: some Sequence<UInt8>, to output: inout [UInt8]) {
        var bits: UInt32 = 0
        var bitCount = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            bitCount += 8
            while bitCount >= 6 {
                bitCount -= 6
                output.append(urlAlphabet[Int(bits >> UInt32(bitCount) & 63)])
            }
        }
        if bitCount > 0 { output.append(urlAlphabet[Int(bits << UInt32(6 - bitCount) & 63)]) }
    }
}
