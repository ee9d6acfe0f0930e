/// Well-formed UTF-8, by table 3-7 of the Unicode standard: no overlong form, no surrogate, nothing past U+10FFFF.
enum UTF8Sequence {
    /// U+FFFD, what stands in for text that cannot be encoded.
    static let replacement: (UInt8, UInt8, UInt8) = (0xEF, 0xBF, 0xBD)

    /// Length, 2 to 4, of the well-formed sequence that begins with the non-ASCII byte at `start`; 0 if there is none.
    static func length(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        let lead = base.load(fromByteOffset: start, as: UInt8.self)
        let length: Int
        // What the second byte may be; the third and fourth are always 0x80...0xBF.
        var low: UInt8 = 0x80
        var high: UInt8 = 0xBF
        switch lead {
        case 0xC2...0xDF:
            length = 2
        case 0xE0...0xEF:
            length = 3
            if lead == 0xE0 { low = 0xA0 }
            if lead == 0xED { high = 0x9F }
        case 0xF0...0xF4:
            length = 4
            if lead == 0xF0 { low = 0x90 }
            if lead == 0xF4 { high = 0x8F }
        default:
            return 0
        }
        guard start &+ length <= end else { return 0 }
        let second = base.load(fromByteOffset: start &+ 1, as: UInt8.self)
        guard second >= low, second <= high else { return 0 }
        var at = start &+ 2
        while at < start &+ length {
            guard base.load(fromByteOffset: at, as: UInt8.self) & 0xC0 == 0x80 else { return 0 }
            at &+= 1
        }
        return length
    }
}
