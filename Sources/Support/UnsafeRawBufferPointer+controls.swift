extension UnsafeRawBufferPointer {
    /// Whether there is a byte below 0x20, or 0x7F: a control character of ASCII. Eight bytes at a time.
    @inlinable
    public var hasControlCharacter: Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101, highs: UInt64 = 0x8080_8080_8080_8080
        var at = 0
        while at &+ 8 <= count {
            let word = loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let rest = word ^ (ones &* 0x7F)
            // A byte's highest bit is set where the byte is less than 0x20, or where it differs in nothing from 0x7F. Borrows between bytes only
            // come from a byte that is found.
            if ((word &- ones &* 0x20) & ~word | (rest &- ones) & ~rest) & highs != 0 { return true }
            at &+= 8
        }
        while at < count {
            let byte = self[at]
            if byte < 0x20 || byte == 0x7F { return true }
            at &+= 1
        }
        return false
    }
}
