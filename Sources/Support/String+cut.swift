extension String {
    /// The text itself if it has at most `limit` bytes; otherwise its beginning and its length in bytes. For logs and
    /// messages.
    ///
    /// Never cuts within a UTF-8 character. The time does not depend on the length of the text.
    public func cut(to limit: Int) -> String {
        var text = self
        return text.withUTF8 {
            UnsafeRawBufferPointer($0).count <= limit ? nil : String(cutting: UnsafeRawBufferPointer($0), to: limit)
        } ?? self
    }

    /// As ``cut(to:)`` of `bytes`; invalid UTF-8 becomes U+FFFD.
    public init(cutting bytes: UnsafeRawBufferPointer, to limit: Int) {
        guard bytes.count > limit else {
            self = String(decoding: bytes, as: UTF8.self)
            return
        }
        var end = limit
        // The first byte of the character at `limit` is at most three bytes before it.
        while end > limit - 3, end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        self = String(decoding: bytes[..<end], as: UTF8.self) + "… (cut; \(bytes.count) bytes)"
    }
}
