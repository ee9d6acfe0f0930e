/// Strings into JSON and back.
///
/// What is written is what `JSON.stringify` writes: `\b \f \n \r \t \" \\`, other controls as lower case `\u00xx`, everything else as it is.
/// Functions that fill a caller's buffer return the length of the whole text, as `snprintf` does: if that exceeds the buffer, what the
/// buffer holds is incomplete, and a second call with the length returned succeeds. All functions are pure: call them from any thread.
public enum JSONText {
    /// Appends `text`, quoted. Bytes that are not UTF-8 become U+FFFD each, so that the result is always valid JSON.
    public static func appendQuoted(_ text: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.reserveCapacity(output.count + text.count + 2)
        write(quoted: text, to: &output)
    }

    /// Appends `text`, quoted.
    public static func appendQuoted(_ text: String, to output: inout [UInt8]) {
        var text = text
        text.withUTF8 { appendQuoted(UnsafeRawBufferPointer($0), to: &output) }
    }

    /// `text` as a JSON string, quotes included.
    public static func quote(_ text: String) -> [UInt8] {
        var output: [UInt8] = []
        appendQuoted(text, to: &output)
        return output
    }

    /// Writes `text`, quoted, into `buffer`, without allocating.
    ///
    /// - Returns: the length of the quoted text; more than `buffer.count` means that it did not fit.
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
            /// Where the bytes begin that are still to be copied as they are.
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

    /// Writes a byte that cannot stand as it is.
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
