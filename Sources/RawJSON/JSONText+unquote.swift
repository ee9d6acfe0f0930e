import Support

extension JSONText {
    /// Writes what the string `token` (quotes included) means into `buffer`, without allocating. The result is always valid UTF-8: a surrogate
    /// without its other half becomes U+FFFD.
    ///
    /// - Returns: the length of the meaning, in bytes; more than `buffer.count` means that it did not fit. `nil` if `token` is no JSON string.
    public static func unquote(_ token: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        guard let content = content(of: token) else { return nil }
        var sink = BufferSink(buffer)
        write(unquoted: content, to: &sink)
        return sink.count
    }

    /// What the string `token` (quotes included) means; `nil` if it is no JSON string.
    public static func string(_ token: UnsafeRawBufferPointer) -> String? {
        guard let content = content(of: token) else { return nil }
        guard content.contains(UInt8(ascii: "\\")) else { return String(decoding: content, as: UTF8.self) }
        // Decoding never lengthens: the shortest escape of an n-byte character is longer than n.
        return String(unsafeUninitializedCapacity: content.count) { buffer in
            var sink = BufferSink(UnsafeMutableRawBufferPointer(buffer))
            write(unquoted: content, to: &sink)
            return sink.count
        }
    }

    /// What the string `token` (quotes included) means, to be compared or to be a key.
    ///
    /// - Parameter limit: in bytes of the meaning.
    /// - Returns: `nil` if `token` is no JSON string, or means more bytes than `limit`.
    public static func byteString(_ token: UnsafeRawBufferPointer, limit: Int = .max) -> ByteString? {
        // No escape is longer than six bytes for each byte of its meaning.
        guard token.count / 6 <= limit, let text = string(token), text.utf8.count <= limit else { return nil }
        return ByteString(text)
    }

    /// Whether the string `token` (quotes included) means exactly the UTF-8 bytes `text`. `token` must have passed ``JSONScanner``.
    public static func isEqual(_ token: UnsafeRawBufferPointer, to text: UnsafeRawBufferPointer) -> Bool {
        guard token.count >= 2 else { return false }
        let content = UnsafeRawBufferPointer(rebasing: token[1..<token.count - 1])
        // Escapes only shorten: equal lengths mean equal bytes and no escape, a longer text can be no match.
        guard text.count <= content.count else { return false }
        if text.count == content.count {
            return content.elementsEqual(text) && !content.contains(UInt8(ascii: "\\"))
        }
        var decoder = JSONStringDecoder(content: content)
        for byte in text where decoder.next() != byte { return false }
        return decoder.next() == nil
    }

    /// Whether the string `token` (quotes included) means exactly `text`. `token` must have passed ``JSONScanner``.
    @inlinable
    public static func isEqual(_ token: UnsafeRawBufferPointer, to text: StaticString) -> Bool {
        isEqual(token, to: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// What stands between the quotes of `token`; `nil` if it is no valid JSON string.
    private static func content(of token: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard let base = token.baseAddress, token.count >= 2, token[0] == UInt8(ascii: "\""),
            JSONScanner.scanString(base, 1, token.count) == token.count
        else { return nil }
        return UnsafeRawBufferPointer(rebasing: token[1..<token.count - 1])
    }

    private static func write(unquoted content: UnsafeRawBufferPointer, to sink: inout BufferSink) {
        guard content.contains(UInt8(ascii: "\\")) else { return sink.append(contentsOf: content) }
        var decoder = JSONStringDecoder(content: content)
        while let byte = decoder.next() { sink.append(byte) }
    }
}
