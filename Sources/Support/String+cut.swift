extension String {
    /// The text if it has at most `limit` bytes, else its beginning with how long it was: for lines that people read.
    ///
    /// Cut between characters of UTF-8; takes no longer for a longer text.
    public func cut(to limit: Int) -> String {
        var text = self
        return text.withUTF8 {
            UnsafeRawBufferPointer($0).count <= limit ? nil : String(cutting: UnsafeRawBufferPointer($0), to: limit)
        } ?? self
    }

    /// The same of bytes; those that are not UTF-8 become U+FFFD.
    public init(cutting bytes: UnsafeRawBufferPointer, to limit: Int) {
        guard bytes.count > limit else {
            self = String(decoding: bytes, as: UTF8.self)
            return
        }
        var end = limit
        // At most three bytes back stands the first byte of the character that would be cut.
        while end > limit - 3, end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        self = String(decoding: bytes[..<end], as: UTF8.self) + "… (cut; \(bytes.count) bytes)"
    }
}
