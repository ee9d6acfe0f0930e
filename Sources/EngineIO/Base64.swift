/// Base64 as polling payloads carry it: padded on the way out, and forgiving on the way in, as the reference's decoder is.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// 0 ..< 64, or 255 for what is no digit. Both alphabets are understood.
    private static let digits: [UInt8] = {
        var digits = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() { digits[Int(character)] = UInt8(value) }
        digits[0x2D] = 62
        digits[0x5F] = 63
        return digits
    }()

    /// The length of `count` bytes when encoded.
    static func encodedCount(_ count: Int) -> Int {
        (count + 2) / 3 * 4
    }

    /// Encodes `source` into the beginning of `target`, which must have room for ``encodedCount(_:)``.
    static func encode(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
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

    /// Decodes in place and returns how many bytes came out. Missing padding is forgiven, the URL alphabet understood, characters
    /// outside it are passed over, and the first `=` ends it.
    static func decode(inPlace bytes: UnsafeMutableRawBufferPointer) -> Int {
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
}
