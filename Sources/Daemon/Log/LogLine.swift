import Logging
import Support

/// One line of the log before it has a time and a form. Its length is bounded.
struct LogLine: Sendable {
    var level: Logger.Level
    var message: String
    /// In the order of their keys.
    var pairs: [(key: String, value: String)]

    /// Bytes of a message; what is longer is cut. More than a plugin's line may have, so that the mark of its cut stays.
    static let messageLimit = 4_160
    /// Bytes of one value of the metadata.
    static let valueLimit = 512

    /// Bytes by which messages are told apart.
    private static let templateLength = 256

    init(level: Logger.Level, message: String, metadata: Logger.Metadata) {
        self.level = level
        self.message = message.cut(to: Self.messageLimit)
        pairs = metadata.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)".cut(to: Self.valueLimit)) }
    }

    /// What it has in common with lines like it: level, plugin, reason, and the message but for its numbers. What differs from one to the next, such as an
    /// address or a name that a client chose, belongs into other metadata.
    var template: UInt64 {
        var hasher = Hasher()
        hasher.combine(level)
        withUnsafeTemporaryAllocation(byteCount: Self.templateLength, alignment: 1) { text in
            var count = 0
            for byte in message.utf8 where count < text.count {
                let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                // A run of digits is one.
                if isDigit, count > 0, text[count - 1] == UInt8(ascii: "0") { continue }
                text[count] = isDigit ? UInt8(ascii: "0") : byte
                count += 1
            }
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: text[..<count]))
        }
        for pair in pairs where pair.key == "plugin" || pair.key == "reason" {
            hasher.combine(pair.key)
            hasher.combine(pair.value)
        }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
