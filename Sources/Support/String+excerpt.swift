extension String {
    /// At most so many bytes of the text, to show in a message: cut between two scalars, and marked with `…` if anything was.
    public func excerpt(_ bytes: Int = 64) -> String {
        guard utf8.count > bytes else { return self }
        var end = utf8.index(startIndex, offsetBy: bytes)
        while end > startIndex, utf8[end] & 0xC0 == 0x80 { end = utf8.index(before: end) }
        return String(decoding: utf8[..<end], as: UTF8.self) + "…"
    }
}
