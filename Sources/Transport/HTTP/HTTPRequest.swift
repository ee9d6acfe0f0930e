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

    /// The first header of this name, whatever its case.
    public subscript(header name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}
