import Support

/// Encodes and decodes JSON strings.
///
/// The encoding is that of `JSON.stringify`: `\b \f \n \r \t \" \\`, other control characters as lower case `\u00xx`,
/// everything else unchanged. Functions that fill a caller's buffer return the length of the whole text, as `snprintf`
/// does: if it exceeds the buffer, the buffer's content is incomplete, and a second call with a buffer of that length
/// succeeds. All functions are pure: call them from any thread.
public enum JSONText {
    /// Appends `text` as a JSON string. Each byte of invalid UTF-8 becomes U+FFFD, so that the result is always valid
    /// JSON.
    public static func appendQuoted(_ text: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        // An array that is given room for one text at a time is copied whole for each of them.
        let count = output.count + text.count + 2
        if count > output.capacity { output.reserveCapacity(max(count, output.capacity * 2)) }
        write(quoted: text, to: &output)
    }

    /// Appends `text` as a JSON string.
    public static func appendQuoted(_ text: String, to output: inout [UInt8]) {
        var text = text
        text.withUTF8 { appendQuoted(UnsafeRawBufferPointer($0), to: &output) }
    }

    /// `text` as a JSON string, including the quotes.
    public static func quote(_ text: String) -> [UInt8] {
        var output: [UInt8] = []
        appendQuoted(text, to: &output)
        return output
    }

    /// Writes `text` as a JSON string to `buffer`, without allocating.
    ///
    /// - Returns: the length of the JSON string; more than `buffer.count` means that it did not fit.
    public static func quote(_ text: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var sink = BufferSink(buffer)
        write(quoted: text, to: &sink)
        return sink.count
    }

    static func write(quoted text: UnsafeRawBufferPointer, to sink: inout some ByteSink) {
        sink.append(UInt8(ascii: "\""))
        if let base = text.baseAddress {
            let end = text.count
            var at = 0
            /// Start of the bytes that are still to be copied unchanged.
            var plain = 0
            while at < end {
                let byte = text[at]
                if byte >= 0x80 {
                    let length = UTF8Sequence.length(base, at, end)
                    if length > 0 {
                        at &+= length
                        continue
                    }
                } else if byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
                    at &+= 1
                    continue
                }
                sink.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plain..<at]))
                write(escaped: byte, to: &sink)
                at &+= 1
                plain = at
            }
            sink.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[plain..<end]))
        }
        sink.append(UInt8(ascii: "\""))
    }

    /// Writes the escape of a byte, or U+FFFD for an invalid one.
    private static func write(escaped byte: UInt8, to sink: inout some ByteSink) {
        switch byte {
        case 0x08: sink.append("\\b")
        case 0x09: sink.append("\\t")
        case 0x0A: sink.append("\\n")
        case 0x0C: sink.append("\\f")
        case 0x0D: sink.append("\\r")
        case UInt8(ascii: "\""): sink.append("\\\"")
        case UInt8(ascii: "\\"): sink.append("\\\\")
        case ..<0x20:
            sink.append("\\u00")
            sink.append(0x30 | byte >> 4)
            let digit = byte & 0x0F
            sink.append(digit < 10 ? 0x30 | digit : 0x57 + digit)
        default: sink.appendReplacementCharacter()
        }
    }
}

extension JSONText {
    /// Decodes the JSON string `token` (quotes included) into `buffer`, without allocating. The result is always valid
    /// UTF-8: a lone surrogate becomes U+FFFD.
    ///
    /// - Returns: the length of the decoded text in bytes; more than `buffer.count` means that it did not fit. `nil` if
    ///   `token` is not a JSON string.
    public static func unquote(_ token: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        guard let content = content(of: token) else { return nil }
        var sink = BufferSink(buffer)
        write(unquoted: content, to: &sink)
        return sink.count
    }

    /// Decodes the JSON string `token` (quotes included); `nil` if it is not a JSON string.
    public static func string(_ token: UnsafeRawBufferPointer) -> String? {
        guard let content = content(of: token) else { return nil }
        guard content.contains(UInt8(ascii: "\\")) else { return String(decoding: content, as: UTF8.self) }
        // Decoding never lengthens: every escape of an n-byte character has more than n bytes.
        return String(unsafeUninitializedCapacity: content.count) { buffer in
            var sink = BufferSink(UnsafeMutableRawBufferPointer(buffer))
            write(unquoted: content, to: &sink)
            return sink.count
        }
    }

    /// Decodes the JSON string `token` (quotes included) to a ``ByteString``, for comparisons and keys.
    ///
    /// - Parameter limit: the largest length of the decoded text; bytes.
    /// - Returns: `nil` if `token` is not a JSON string, or its text has more than `limit` bytes.
    public static func byteString(_ token: UnsafeRawBufferPointer, limit: Int = .max) -> ByteString? {
        // An escape has at most six bytes for each decoded byte.
        guard token.count / 6 <= limit, let text = string(token), text.utf8.count <= limit else { return nil }
        return ByteString(text)
    }

    /// Whether the JSON string `token` (quotes included) decodes to exactly the UTF-8 bytes `text`. `token` must have
    /// passed ``JSONScanner``.
    public static func isEqual(_ token: UnsafeRawBufferPointer, to text: UnsafeRawBufferPointer) -> Bool {
        guard token.count >= 2 else { return false }
        let content = UnsafeRawBufferPointer(rebasing: token[1..<token.count - 1])
        // Escapes only lengthen a token. With equal lengths, equal bytes without an escape match; a longer text cannot
        // match.
        guard text.count <= content.count else { return false }
        if text.count == content.count {
            return content.elementsEqual(text) && !content.contains(UInt8(ascii: "\\"))
        }
        var decoder = JSONStringDecoder(content: content)
        for byte in text where decoder.next() != byte { return false }
        return decoder.next() == nil
    }

    /// Whether the JSON string `token` (quotes included) decodes to exactly `text`. `token` must have passed
    /// ``JSONScanner``.
    @inlinable
    public static func isEqual(_ token: UnsafeRawBufferPointer, to text: StaticString) -> Bool {
        isEqual(token, to: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// The bytes between the quotes of `token`; `nil` if it is not a JSON string.
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

/// Iterates over the decoded UTF-8 bytes of a JSON string, without storing them.
///
/// The content (between the quotes) must have passed ``JSONScanner``. A lone surrogate becomes U+FFFD, because UTF-8
/// cannot encode it.
struct JSONStringDecoder {
    private let content: UnsafeRawBufferPointer
    private var at = 0

    /// Remaining bytes of a decoded character, the next one lowest; zero if there are none. No remaining byte is zero,
    /// because only U+0000 contains a zero byte and it has one byte.
    private var pending: UInt32 = 0

    init(content: UnsafeRawBufferPointer) {
        self.content = content
    }

    mutating func next() -> UInt8? {
        if pending != 0 {
            let byte = UInt8(truncatingIfNeeded: pending)
            pending &>>= 8
            return byte
        }
        guard at < content.count else { return nil }
        let byte = content[at]
        at += 1
        guard byte == UInt8(ascii: "\\") else { return byte }
        let escape = content[at]
        at += 1
        switch escape {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"): return encode(scalarAfterEscape())
        default: return escape
        }
    }

    /// The code point of `\uXXXX` after its `\u`, including a following low surrogate's escape.
    private mutating func scalarAfterEscape() -> UInt32 {
        let unit = hexadecimal(at: at)
        at += 4
        guard unit & 0xF800 == 0xD800 else { return unit }
        guard unit < 0xDC00, at + 6 <= content.count, content[at] == UInt8(ascii: "\\"),
            content[at + 1] == UInt8(ascii: "u")
        else {
            return 0xFFFD
        }
        let low = hexadecimal(at: at + 2)
        guard low & 0xFC00 == 0xDC00 else { return 0xFFFD }
        at += 6
        return 0x10000 + (unit & 0x3FF) << 10 + (low & 0x3FF)
    }

    private func hexadecimal(at start: Int) -> UInt32 {
        var value: UInt32 = 0
        for index in start..<start + 4 {
            let byte = content[index]
            value = value << 4 | UInt32(byte < 0x3A ? byte & 0x0F : (byte & 0x0F) + 9)
        }
        return value
    }

    /// Returns the first byte of the scalar's UTF-8 and stores the others in ``pending``.
    private mutating func encode(_ scalar: UInt32) -> UInt8 {
        switch scalar {
        case ..<0x80:
            return UInt8(scalar)
        case ..<0x800:
            pending = 0x80 | scalar & 0x3F
            return UInt8(0xC0 | scalar >> 6)
        case ..<0x10000:
            pending = 0x80 | scalar >> 6 & 0x3F | (0x80 | scalar & 0x3F) << 8
            return UInt8(0xE0 | scalar >> 12)
        default:
            pending = 0x80 | scalar >> 12 & 0x3F | (0x80 | scalar >> 6 & 0x3F) << 8 | (0x80 | scalar & 0x3F) << 16
            return UInt8(0xF0 | scalar >> 18)
        }
    }
}

/// A target for written bytes: a growing array, or a fixed buffer. Generic code is specialised for both.
protocol ByteSink {
    mutating func append(_ byte: UInt8)
    mutating func append(contentsOf bytes: UnsafeRawBufferPointer)
}

extension ByteSink {
    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    mutating func appendReplacementCharacter() {
        append(UTF8Sequence.replacement.0)
        append(UTF8Sequence.replacement.1)
        append(UTF8Sequence.replacement.2)
    }
}

extension [UInt8]: ByteSink {
    @inline(__always)
    mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
        append(contentsOf: bytes[...])
    }
}

/// Writes what fits and counts all bytes, as `snprintf` does: one call fills a buffer and reports the size that is
/// needed.
struct BufferSink: ByteSink {
    let buffer: UnsafeMutableRawBufferPointer

    /// Bytes written, including those that did not fit.
    private(set) var count = 0

    init(_ buffer: UnsafeMutableRawBufferPointer) {
        self.buffer = buffer
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        if count < buffer.count { buffer[count] = byte }
        count &+= 1
    }

    mutating func append(contentsOf bytes: UnsafeRawBufferPointer) {
        let space = min(bytes.count, max(0, buffer.count &- count))
        if space > 0, let target = buffer.baseAddress, let source = bytes.baseAddress {
            (target + count).copyMemory(from: source, byteCount: space)
        }
        count &+= bytes.count
    }
}
