import Support

/// Percent-decoding of paths and queries.
enum PercentEncoding {
    /// How a part of a URL is read.
    enum Form {
        case path
        /// `application/x-www-form-urlencoded`: a plus is a blank.
        case query
    }

    /// Whether `part` stands for anything but itself.
    static func isEncoded(_ part: UnsafeRawBufferPointer, _ form: Form) -> Bool {
        part.contains { $0 == UInt8(ascii: "%") || ($0 == UInt8(ascii: "+") && form == .query) }
    }

    /// The text that `part`, which is UTF-8, stands for; `nil` if an escape is broken or the result is no UTF-8.
    static func decode(_ part: UnsafeRawBufferPointer, _ form: Form) -> ByteString? {
        guard isEncoded(part, form) else { return ByteString(decoding: part) }
        return withUnsafeTemporaryAllocation(byteCount: part.count, alignment: 1) { room in
            decode(part, form, into: room).map { ByteString(decoding: $0) }
        }
    }

    /// The same as bytes.
    ///
    /// - Parameter room: as large as `part` at least.
    /// - Returns: what was written of `room`.
    static func decode(_ part: UnsafeRawBufferPointer, _ form: Form, into room: UnsafeMutableRawBufferPointer) -> UnsafeRawBufferPointer? {
        var count = 0
        var input = part.makeIterator()
        while let byte = input.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = input.next().flatMap(digit), let low = input.next().flatMap(digit) else { return nil }
                room[count] = high << 4 | low
            case UInt8(ascii: "+") where form == .query: room[count] = 0x20
            default: room[count] = byte
            }
            count += 1
        }
        let decoded = UnsafeRawBufferPointer(rebasing: room[..<count])
        return String(validating: decoded, as: UTF8.self) == nil ? nil : decoded
    }

    /// The parameters of a query, in order; what cannot be decoded stays as the client wrote it.
    static func parameters(_ query: UnsafeRawBufferPointer) -> [(name: ByteString, value: ByteString)] {
        QueryParts(query).map { part in
            func text(_ bytes: UnsafeRawBufferPointer) -> ByteString { decode(bytes, .query) ?? ByteString(decoding: bytes) }
            return (text(part.name), text(part.value))
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
