/// A request: complete, or its head alone (``HTTPApplication/decide(_:through:)``).
public struct HTTPRequest: Sendable {
    let head: HTTPRequestHead
    public let body: [UInt8]
    /// The peer's address without its port.
    public let remoteAddress: String
    /// Whether the connection is encrypted.
    public let secure: Bool
    /// The loop the connection lives on.
    public let loop: Loop

    /// As sent: `GET`, `POST`, …, upper-case letters and hyphens, at most 20. Made on each call.
    public var method: String { head.methodText }

    /// Without the query, not decoded; begins with a slash. Made on each call.
    public var path: String { head.string(head.target.path) }

    /// Without the question mark, not decoded; empty when there is none. Made on each call.
    public var query: String { head.string(head.target.query) }

    /// In the order sent, names in lower case. Made on each call.
    public var headers: [(name: String, value: String)] { head.headers }

    /// The first header of this name, which is given in lower case.
    public subscript(header name: StaticString) -> String? { head[name] }

    /// Bytes it holds.
    public var size: Int { head.text.count + body.count + remoteAddress.utf8.count }

    /// Lends the request as it lies in memory: nothing is copied. The bytes are valid for the call.
    @inline(__always)
    public func withBytes<Result>(_ body: (HTTPRequestBytes) -> Result) -> Result {
        var address = remoteAddress
        return head.text.withUnsafeBytes { text in
            self.body.withUnsafeBytes { content in
                address.withUTF8 { address in
                    body(HTTPRequestBytes(text: text, head: head, body: content, address: UnsafeRawBufferPointer(address)))
                }
            }
        }
    }
}
