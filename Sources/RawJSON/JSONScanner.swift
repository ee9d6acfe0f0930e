/// Finds the end of JSON values, and validates them.
///
/// The grammar is RFC 8259 to the letter, which is what `JSON.parse` accepts: any of the four white space bytes between
/// tokens, duplicate keys, escapes of lone surrogates (`"\ud800"`); no leading zeros, `NaN`, comments or trailing
/// commas. Bytes must be valid UTF-8: overlong forms, encoded surrogates and code points past U+10FFFF are refused.
/// Nesting is bounded by ``maximumDepth``.
///
/// Every message of every client is scanned here once, so nothing allocates, recurses, or reads a byte twice.
/// All functions are pure: call them from any thread.
public enum JSONScanner {
    /// How many arrays and objects may be nested: the width of the register that stores their kinds. Real messages nest
    /// less than ten levels.
    public static let maximumDepth = 128

    /// Scans one value from `start`, after optional white space.
    ///
    /// - Parameter depthLimit: the allowed levels of nesting, at most ``maximumDepth``; 0 allows scalars only.
    /// - Returns: the offset just past the value, or `nil` if no valid value begins there. Bytes behind the value are
    ///   not read.
    @inlinable
    public static func endOfValue(in bytes: UnsafeRawBufferPointer, from start: Int, depthLimit: Int = maximumDepth)
        -> Int?
    {
        let end = scanValue(in: bytes, from: start, depthLimit: depthLimit)
        return end < 0 ? nil : end
    }

    /// Whether `bytes` are one JSON value with nothing but white space around it.
    public static func isValid(_ bytes: UnsafeRawBufferPointer, depthLimit: Int = maximumDepth) -> Bool {
        guard let end = endOfValue(in: bytes, from: 0, depthLimit: depthLimit) else { return false }
        return skipWhitespace(in: bytes, from: end) == bytes.count
    }

    /// Whether `bytes` are one JSON value with nothing but white space around it.
    public static func isValid(_ bytes: [UInt8], depthLimit: Int = maximumDepth) -> Bool {
        bytes.withUnsafeBytes { isValid($0, depthLimit: depthLimit) }
    }

    /// The range and kind of the only value in `bytes`.
    ///
    /// - Throws: ``JSONSyntaxError`` with an offset, if there is no value or more than one.
    public static func document(_ bytes: UnsafeRawBufferPointer) throws(JSONSyntaxError) -> JSONToken {
        let start = skipWhitespace(in: bytes, from: 0)
        let end = scanValue(in: bytes, from: start, depthLimit: maximumDepth)
        guard end >= 0, let kind = JSONKind(firstByte: bytes[start]) else {
            throw JSONSyntaxError(offset: ~end, in: bytes)
        }
        let rest = skipWhitespace(in: bytes, from: end)
        guard rest == bytes.count else { throw JSONSyntaxError(offset: rest, in: bytes) }
        return JSONToken(range: start..<end, kind: kind)
    }

    /// The first offset from `start` on without white space; `bytes.count` if there is none.
    @inlinable
    public static func skipWhitespace(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        return skipWhitespace(base, start, bytes.count)
    }

    @inlinable @inline(__always)
    static func skipWhitespace(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        while at < end {
            let byte = base.load(fromByteOffset: at, as: UInt8.self)
            // The common case, no white space, returns after one comparison.
            if byte > 0x20 { return at }
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return at }
            at &+= 1
        }
        return at
    }

    /// As ``endOfValue(in:from:depthLimit:)``, but returns the complement (`~`) of the error's offset on failure.
    @usableFromInline
    static func scanValue(in bytes: UnsafeRawBufferPointer, from start: Int, depthLimit: Int) -> Int {
        guard let base = bytes.baseAddress else { return ~0 }
        let at = skipWhitespace(base, start, bytes.count)
        guard at < bytes.count else { return ~bytes.count }
        let first = base.load(fromByteOffset: at, as: UInt8.self)
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
            return scanContainer(base, at, bytes.count, limit: min(depthLimit, maximumDepth))
        }
        return scanScalar(first, base, at, bytes.count)
    }

    @inline(__always)
    private static func scanScalar(_ first: UInt8, _ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        switch first {
        case UInt8(ascii: "\""): scanString(base, start &+ 1, end)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): scanNumber(base, start, end)
        case UInt8(ascii: "t"): scanLiteral("true", base, start, end)
        case UInt8(ascii: "f"): scanLiteral("false", base, start, end)
        case UInt8(ascii: "n"): scanLiteral("null", base, start, end)
        default: ~start
        }
    }

    /// Scans an array or object from its opening bracket, with everything in it.
    private static func scanContainer(_ base: UnsafeRawPointer, _ start: Int, _ end: Int, limit: Int) -> Int {
        var at = start
        var depth = 0
        /// One bit for each open container, the innermost lowest: 1 is an object, 0 an array.
        var containers: UInt128 = 0

        while true {
            at = skipWhitespace(base, at, end)
            guard at < end else { return ~end }
            let first = base.load(fromByteOffset: at, as: UInt8.self)
            switch first {
            case UInt8(ascii: "{"):
                guard depth < limit else { return ~at }
                at = skipWhitespace(base, at &+ 1, end)
                guard at < end else { return ~end }
                if base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: "}") {
                    at &+= 1
                } else {
                    depth &+= 1
                    containers = containers &<< 1 | 1
                    at = scanKey(base, at, end)
                    if at < 0 { return at }
                    continue
                }
            case UInt8(ascii: "["):
                guard depth < limit else { return ~at }
                at = skipWhitespace(base, at &+ 1, end)
                guard at < end else { return ~end }
                if base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: "]") {
                    at &+= 1
                } else {
                    depth &+= 1
                    containers = containers &<< 1
                    continue
                }
            default:
                at = scanScalar(first, base, at, end)
                if at < 0 { return at }
            }

            // After a value: close the containers that end here, or continue with the next value.
            afterValue: while true {
                if depth == 0 { return at }
                at = skipWhitespace(base, at, end)
                guard at < end else { return ~end }
                let isObject = containers & 1 == 1
                switch base.load(fromByteOffset: at, as: UInt8.self) {
                case UInt8(ascii: ","):
                    at &+= 1
                    if isObject {
                        at = scanKey(base, skipWhitespace(base, at, end), end)
                        if at < 0 { return at }
                    }
                    break afterValue
                case UInt8(ascii: "}") where isObject, UInt8(ascii: "]") where !isObject:
                    at &+= 1
                    depth &-= 1
                    containers = containers &>> 1
                default:
                    return ~at
                }
            }
        }
    }

    /// Scans `"key" :` and returns the offset past the colon, or the complement (`~`) of the error's offset.
    @inline(__always)
    static func scanKey(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        guard start < end else { return ~end }
        guard base.load(fromByteOffset: start, as: UInt8.self) == UInt8(ascii: "\"") else { return ~start }
        var at = scanString(base, start &+ 1, end)
        if at < 0 { return at }
        at = skipWhitespace(base, at, end)
        guard at < end else { return ~end }
        guard base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: ":") else { return ~at }
        return at &+ 1
    }

    @inline(__always)
    static func scanLiteral(_ literal: StaticString, _ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        let expected = literal.utf8Start
        var index = 0
        while index < literal.utf8CodeUnitCount {
            guard start &+ index < end else { return ~end }
            guard base.load(fromByteOffset: start &+ index, as: UInt8.self) == expected[index] else {
                return ~(start &+ index)
            }
            index &+= 1
        }
        return start &+ index
    }
}

extension JSONScanner {
    /// Scans a number from its first byte, which is a digit or a minus sign.
    ///
    /// - Returns: the offset past it, or the complement (`~`) of the error's offset.
    static func scanNumber(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        if base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: "-") { at &+= 1 }
        guard at < end else { return ~end }
        if base.load(fromByteOffset: at, as: UInt8.self) == UInt8(ascii: "0") {
            // Only a fraction or an exponent may follow a leading zero. `01` ends after its `0`; the caller then finds
            // the `1`.
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

    /// Scans one or more digits.
    @inline(__always)
    private static func scanDigits(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var at = start
        while at < end, base.load(fromByteOffset: at, as: UInt8.self) &- 0x30 < 10 { at &+= 1 }
        return at > start ? at : ~at
    }
}

/// Why and where a document is not valid JSON.
public struct JSONSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The offset of the first byte that is not allowed; the document's length if it ends too early.
    public let offset: Int

    /// The byte at ``offset``; `nil` if the document ends too early.
    public let byte: UInt8?

    init(offset: Int, in bytes: UnsafeRawBufferPointer) {
        self.offset = offset
        self.byte = offset < bytes.count ? bytes[offset] : nil
    }

    public var description: String {
        guard let byte else { return "invalid JSON: it ends too early, at byte \(offset)" }
        switch byte {
        case UInt8(ascii: "["), UInt8(ascii: "{"):
            let bracket = Character(UnicodeScalar(byte))
            return
                "invalid JSON: unexpected '\(bracket)' at byte \(offset), or more than \(JSONScanner.maximumDepth) levels of nesting"
        case 0x21..<0x7F:
            return "invalid JSON: unexpected '\(Character(UnicodeScalar(byte)))' at byte \(offset)"
        case 0x80...:
            return
                "invalid JSON: byte 0x\(String(byte, radix: 16)) at byte \(offset) is invalid UTF-8 or stands outside a string"
        default:
            return "invalid JSON: unexpected byte 0x\(String(byte, radix: 16)) at byte \(offset)"
        }
    }
}
