extension ContractCheck {
    // MARK: Numbers

    @inline(__always)
    func isNumber(_ first: UInt8) -> Bool {
        first == UInt8(ascii: "-") || first &- 0x30 < 10
    }

    @inline(__always)
    mutating func integer(_ kind: ContractNode.Kind, _ index: Int, _ start: Int) -> Int {
        let isNegative = peek(start) == UInt8(ascii: "-")
        let digits = isNegative ? start &+ 1 : start
        var at = digits
        var magnitude: UInt64 = 0
        while true {
            let digit = peek(at) &- 0x30
            guard digit < 10 else { break }
            magnitude = magnitude &* 10 &+ UInt64(digit)
            at &+= 1
        }
        let next = peek(at)
        // More than 19 digits may overflow.
        guard at &- digits <= 19, next != UInt8(ascii: "."), next | 0x20 != UInt8(ascii: "e") else {
            return unusualInteger(kind, index, start)
        }
        if !Self.fits(magnitude, isNegative, kind) { fail(.range, start, index) }
        return at
    }

    /// Checks an integer with a fraction, an exponent, or many digits.
    @inline(never)
    private mutating func unusualInteger(_ kind: ContractNode.Kind, _ index: Int, _ start: Int) -> Int {
        let numberEnd = skipNumber(start)
        switch WholeNumber(bytes(from: start, to: numberEnd)) {
        case .value(let magnitude, let isNegative):
            if !Self.fits(magnitude, isNegative, kind) { fail(.range, start, index) }
        case .tooLarge: fail(.range, start, index)
        case .fraction: fail(.fraction, start, index)
        }
        return numberEnd
    }

    @inline(__always)
    private static func fits(_ magnitude: UInt64, _ isNegative: Bool, _ kind: ContractNode.Kind) -> Bool {
        switch kind {
        case .i32: magnitude < 1 << 31 || isNegative && magnitude == 1 << 31
        case .i64: magnitude < 1 << 63 || isNegative && magnitude == 1 << 63
        case .u32: magnitude < 1 << 32 && (!isNegative || magnitude == 0)
        default: !isNegative || magnitude == 0
        }
    }

    /// The smallest number that `Double` rounds to infinity: 2^1024 - 2^970.
    private static let beyondDouble: StaticString =
        """
        17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797758720709633028641\
        66928879109465555478519404026306574886715058206819089020007083836762738548458177115317644757302700698555713669\
        59622842914819860834936475292719074168444365510704342711559699508093042880177904174497792
        """

    /// The smallest number that `Double` rounds to a value that `Float` rounds to infinity: 2^128 - 2^103 - 2^74.
    private static let beyondFloat: StaticString = "340282356779733642748073463979561713664"

    @inline(__always)
    mutating func float(_ kind: ContractNode.Kind, _ index: Int, _ start: Int) -> Int {
        let numberEnd = skipNumber(start)
        // A number without an exponent needs 39 digits to be out of range.
        if numberEnd &- start >= 39 || hasExponent(start, numberEnd) { checkRange(kind, index, start, numberEnd) }
        return numberEnd
    }

    @inline(__always)
    private func hasExponent(_ start: Int, _ numberEnd: Int) -> Bool {
        var at = numberEnd &- 1
        while at > start {
            if peek(at) | 0x20 == UInt8(ascii: "e") { return true }
            at &-= 1
        }
        return false
    }

    @inline(never)
    private mutating func checkRange(_ kind: ContractNode.Kind, _ index: Int, _ start: Int, _ numberEnd: Int) {
        let number = DecimalToken(bytes(from: start, to: numberEnd))
        if number.isAtLeast(kind == .f32 ? Self.beyondFloat : Self.beyondDouble) { fail(.range, start, index) }
    }

    // MARK: Strings

    /// Checks a string that must not contain U+0000. Valid JSON contains it only as the escape `\u0000`.
    mutating func terminatedString(_ index: Int, _ start: Int) -> Int {
        var at = start &+ 1
        var isTerminated = false
        while true {
            at = endOfPlain(at)
            guard peek(at) == UInt8(ascii: "\\") else { break }
            if peek(at &+ 1) == UInt8(ascii: "u") {
                isTerminated = isTerminated || codeUnit(at &+ 2) == 0
            }
            at &+= 2
        }
        if isTerminated { fail(.terminator, start, index) }
        return at &+ 1
    }

    /// Checks a string of base64: either alphabet of RFC 4648, with its padding or without any.
    mutating func base64(_ index: Int, _ start: Int) -> Int {
        var at = start &+ 1
        var digits = 0
        var padding = 0
        var isValid = true
        while at < end {
            var byte = peek(at)
            at &+= 1
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\") {
                // Some encoders escape `/` and `+`.
                byte = peek(at)
                at &+= 1
                if byte == UInt8(ascii: "u") {
                    byte = UInt8(exactly: codeUnit(at)) ?? 0
                    at &+= 4
                } else if byte != UInt8(ascii: "/") {
                    byte = 0
                }
            }
            if byte == UInt8(ascii: "=") {
                padding &+= 1
            } else if Self.isBase64(byte), padding == 0 {
                digits &+= 1
            } else {
                isValid = false
            }
        }
        // The last group of digits may be of two or three; padding fills it up to four.
        let tail = digits & 3
        if !isValid || tail == 1 || padding != 0 && (tail == 0 || tail &+ padding != 4) {
            fail(.base64, start, index)
        }
        return at
    }

    @inline(__always)
    private static func isBase64(_ byte: UInt8) -> Bool {
        byte | 0x20 &- 0x61 < 26 || byte &- 0x30 < 10 || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
            || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    /// The value of four hexadecimal digits.
    private func codeUnit(_ start: Int) -> UInt16 {
        var unit: UInt16 = 0
        for offset in 0..<4 {
            let byte = peek(start &+ offset)
            unit = unit &<< 4 | UInt16(byte < 0x3A ? byte & 0x0F : (byte & 0x0F) &+ 9)
        }
        return unit
    }

    // MARK: Attachments

    /// Checks the placeholder of an attachment. As in the reference implementation, other members are ignored.
    mutating func placeholder(_ index: Int, _ start: Int) -> Int {
        var isPlaceholder = false
        var number: UInt64?
        var hasNumber = false
        var at = skipSpace(start &+ 1)
        if peek(at) == UInt8(ascii: "}") {
            fail(.placeholder, start, index)
            return at &+ 1
        }
        while true {
            let key = at
            at = skipString(at &+ 1)
            let isMark = isString(from: key, to: at, equalTo: "_placeholder")
            let isNumber = !isMark && isString(from: key, to: at, equalTo: "num")
            at = skipSpace(skipSpace(at) &+ 1)
            let value = at
            at = skipValue(at)
            // The last of equal keys counts.
            if isMark { isPlaceholder = peek(value) == UInt8(ascii: "t") }
            if isNumber {
                hasNumber = self.isNumber(peek(value))
                number = hasNumber ? whole(value, at) : nil
            }
            at = skipSpace(at)
            guard peek(at) == UInt8(ascii: ",") else { break }
            at = skipSpace(at &+ 1)
        }
        if !isPlaceholder || !hasNumber {
            fail(.placeholder, start, index)
        } else if number.map({ $0 >= UInt64(max(0, attachments)) }) ?? true {
            fail(.attachment, start, index)
        }
        return at &+ 1
    }

    private func whole(_ start: Int, _ numberEnd: Int) -> UInt64? {
        WholeNumber(bytes(from: start, to: numberEnd)).uint64
    }
}
