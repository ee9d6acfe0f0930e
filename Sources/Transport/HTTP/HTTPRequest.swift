/// A complete request.
public struct HTTPRequest: Sendable {
    /// As sent: `GET`, `POST`, …
    public let method: String
    /// Without the query, not decoded; begins with a slash.
    public let path: String
    /// Without the question mark, not decoded; empty when there is none.
    public let query: String
    /// In the order sent, names as sent.
    public let headers: [(name: String, value: String)]
    public let body: [UInt8]
    /// The peer's address without its port.
    public let remoteAddress: String
    /// Whether the connection is encrypted.
    public let secure: Bool
    /// The loop the connection lives on.
    public let loop: Loop

    /// Whether two names differ in their case alone. Names are tokens, so ASCII; `lowercased()` would make two strings of each comparison.
    private static func isSame(_ one: String, _ other: String) -> Bool {
        guard one.utf8.count == other.utf8.count else { return false }
        return zip(one.utf8, other.utf8).allSatisfy { $0 == $1 || ($0 ^ $1 == 0x20 && (0x61...0x7A).contains($0 | 0x20)) }
    }

    /// The first header of this name, whatever its case.
    public subscript(header name: String) -> String? {
        headers.first { Self.isSame($0.name, name) }?.value
    }
}
