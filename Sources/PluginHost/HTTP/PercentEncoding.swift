/// Percent-decoding of paths and queries.
enum PercentEncoding {
    /// The text that `part` stands for; `nil` if an escape is broken or the result is no UTF-8.
    ///
    /// - Parameter plusIsSpace: as in a query, `application/x-www-form-urlencoded`.
    static func decode(_ part: some StringProtocol, plusIsSpace: Bool = false) -> String? {
        var bytes: [UInt8] = []
        var input = part.utf8.makeIterator()
        while let byte = input.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = input.next().flatMap(digit), let low = input.next().flatMap(digit) else { return nil }
                bytes.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace:
                bytes.append(0x20)
            default:
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// The parameters of a query, in order; what cannot be decoded stays as the client wrote it.
    static func parameters(_ query: String) -> [(name: String, value: String)] {
        query.split(separator: "&").map { pair in
            let cut = pair.firstIndex(of: "=") ?? pair.endIndex
            let name = pair[..<cut]
            let value = cut < pair.endIndex ? pair[pair.index(after: cut)...] : ""
            return (decode(name, plusIsSpace: true) ?? String(name), decode(value, plusIsSpace: true) ?? String(value))
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
