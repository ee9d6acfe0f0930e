import RawJSON

/// Event names that mean something to every client's library, so that no client may send them.
enum ReservedName {
    private static let all: [StaticString] = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]

    /// Whether the string at `token` (quotes included) means one of them, however it is escaped.
    @inline(__always)
    static func isReserved(_ text: UnsafeRawBufferPointer, _ token: Range<Int>) -> Bool {
        // All begin with one of four letters; an escape may hide any of them.
        switch text[token.lowerBound + 1] {
        case UInt8(ascii: "c"), UInt8(ascii: "d"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "\\"):
            let name = UnsafeRawBufferPointer(rebasing: text[token])
            return JSONText.isEqual(name, to: "connect") || JSONText.isEqual(name, to: "connect_error")
                || JSONText.isEqual(name, to: "disconnect") || JSONText.isEqual(name, to: "disconnecting")
                || JSONText.isEqual(name, to: "newListener") || JSONText.isEqual(name, to: "removeListener")
        default: return false
        }
    }

    /// Whether `name` (UTF-8, escapes decoded) is one of them: a server must not emit those either.
    static func isReserved(_ name: UnsafeRawBufferPointer) -> Bool {
        all.contains { reserved in
            name.count == reserved.utf8CodeUnitCount
                && name.elementsEqual(UnsafeRawBufferPointer(start: reserved.utf8Start, count: reserved.utf8CodeUnitCount))
        }
    }
}
