/// Percent-decoding of paths and queries.
public enum PercentEncoding {
    /// The part of a URL that is decoded.
    public enum Form: Sendable {
        case path
        /// `application/x-www-form-urlencoded`: a plus is a space.
        case query
    }

    /// Whether decoding changes `part`.
    public static func isEncoded(_ part: UnsafeRawBufferPointer, _ form: Form) -> Bool {
        part.contains { $0 == UInt8(ascii: "%") || ($0 == UInt8(ascii: "+") && form == .query) }
    }

    /// Decodes `part` into `buffer`, until it is full. A broken escape is copied as it is.
    ///
    /// - Returns: the number of bytes written, and whether an escape was broken.
    public static func decode(
        _ part: UnsafeRawBufferPointer, _ form: Form, into buffer: UnsafeMutableRawBufferPointer
    ) -> (count: Int, isBroken: Bool) {
        var count = 0
        var at = 0
        var isBroken = false
        while at < part.count, count < buffer.count {
            let byte = part[at]
            at += 1
            if byte == UInt8(ascii: "%") {
                if at + 1 < part.count, let high = digit(part[at]), let low = digit(part[at + 1]) {
                    buffer[count] = high << 4 | low
                    at += 2
                } else {
                    buffer[count] = byte
                    isBroken = true
                }
            } else {
                buffer[count] = byte == UInt8(ascii: "+") && form == .query ? 0x20 : byte
            }
            count += 1
        }
        return (count, isBroken)
    }

    /// Decodes `part`, which must be UTF-8, into `buffer`, which must be at least as large. `nil` if an escape is
    /// broken or the result is not UTF-8.
    public static func text(
        _ part: UnsafeRawBufferPointer, _ form: Form, in buffer: UnsafeMutableRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        let (count, isBroken) = decode(part, form, into: buffer)
        let decoded = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        return isBroken || String(validating: decoded, as: UTF8.self) == nil ? nil : decoded
    }

    /// Decodes `part` as the other `text` does, into a byte string.
    public static func text(_ part: UnsafeRawBufferPointer, _ form: Form) -> ByteString? {
        guard isEncoded(part, form) else { return ByteString(decoding: part) }
        return withUnsafeTemporaryAllocation(byteCount: part.count, alignment: 1) { buffer in
            text(part, form, in: buffer).map { ByteString(decoding: $0) }
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 0x57
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 0x37
        default: nil
        }
    }
}
