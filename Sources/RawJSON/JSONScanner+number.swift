extension JSONScanner {
    /// Scans a number from its first byte, which is a digit or a minus sign.
    ///
    /// - Returns: the offset past it, or the complement (`~`) of the offset at fault.
    static func scanNumber(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        if base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: "-") { at &+= 1 }
        guard at < end else { return ~end }
        if base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: "0") {
            // Nothing but a fraction or an exponent follows a zero: `01` ends here, and its `1` is its reader's error.
            at &+= 1
        } else {
            at = scanDigits(base, at, end)
            if at < 0 { return at }
        }
        if at < end, base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: ".") {
            at = scanDigits(base, at &+ 1, end)
            if at < 0 { return at }
        }
        if at < end, base.load(fromByteOffset: at, as: UInt8.self) | 0x20 == UInt8(ascii: "e") {
            at &+= 1
            if at < end {
                let sign = base.load(fromByteOffset: at, as: UInt8.self)
                if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { at &+= 1 }
            }
            at = scanDigits(base, at, end)
        }
        return at
    }

    /// Scans one digit or more.
    @inline(__always)
    private static func scanDigits(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        while at < end, base.load(fromByteOffset: at, as: UInt8.self) &- 0x30 < 10 { at &+= 1 }
        return at > start ? at : ~at
    }
}
