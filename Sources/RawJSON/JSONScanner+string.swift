extension JSONScanner {
    /// Scans a string from just past its opening quote.
    ///
    /// - Returns: the offset past the closing quote, or the complement (`~`) of the error's offset.
    @inline(__always)
    static func scanString(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        // Keys and event names are short: most strings end within the first eight bytes, without a call.
        if start &+ 8 <= end {
            let special = specialBytes(in: base.loadUnaligned(fromByteOffset: start, as: UInt64.self))
            let at = start &+ special.trailingZeroBitCount &>> 3
            if special != 0, base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: "\"") { return at &+ 1 }
        }
        return scanLongString(base, start, end)
    }

    private static func scanLongString(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        while true {
            // Skips printable ASCII, eight bytes at a time.
            while at &+ 8 <= end {
                let special = specialBytes(in: base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
                if special != 0 {
                    at &+= special.trailingZeroBitCount &>> 3
                    break
                }
                at &+= 8
            }
            guard at < end else { return ~end }
            let byte = base.load(fromByteOffset: at, as: UInt8.self)
            if byte == UInt8(ascii: "\"") { return at &+ 1 }
            if byte == UInt8(ascii: "\\") {
                at = scanEscape(base, at &+ 1, end)
                if at < 0 { return at }
            } else if byte >= 0x80 {
                let length = UTF8Sequence.length(base, at, end)
                guard length > 0 else { return ~at }
                at &+= length
            } else if byte < 0x20 {
                return ~at
            } else {
                at &+= 1
            }
        }
    }

    /// Scans the part of an escape after the backslash; returns the offset past it, or the complement (`~`) of the
    /// error's offset.
    private static func scanEscape(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        guard start < end else { return ~end }
        switch base.load(fromByteOffset: start, as: UInt8.self) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start &+ 1
        case UInt8(ascii: "u"):
            var at = start &+ 1
            while at < start &+ 5 {
                guard at < end else { return ~end }
                guard isHexDigit(base.load(fromByteOffset: at, as: UInt8.self)) else { return ~at }
                at &+= 1
            }
            return at
        default:
            return ~start
        }
    }

    @inline(__always)
    private static func isHexDigit(_ byte: UInt8) -> Bool {
        // Setting bit 5 folds upper case onto lower case.
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 6
    }

    /// Sets the highest bit of each byte that is a quote, a backslash, a control character or not ASCII, the first byte
    /// in memory lowest.
    ///
    /// Each term is the classic "has a byte less than n" test. Its borrow can set wrong bits above a correct one, never
    /// below it: the lowest set bit is exact, and zero means that no byte is special.
    @inline(__always)
    static func specialBytes(in word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        let word = UInt64(littleEndian: word)
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        let marks =
            ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash) | ((word &- ones &* 0x20) & ~word) | word
        return marks & tops
    }
}

/// Checks for well-formed UTF-8 by table 3-7 of the Unicode standard: no overlong forms, surrogates or code points past
/// U+10FFFF.
enum UTF8Sequence {
    /// U+FFFD, which replaces text that cannot be encoded.
    static let replacement: (UInt8, UInt8, UInt8) = (0xEF, 0xBF, 0xBD)

    /// The length, 2 to 4, of the well-formed sequence that begins with the non-ASCII byte at `start`; 0 if it is not
    /// well-formed.
    static func length(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        let lead = base.load(fromByteOffset: start, as: UInt8.self)
        let length: Int
        // The allowed range of the second byte; the third and fourth must be 0x80...0xBF.
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
