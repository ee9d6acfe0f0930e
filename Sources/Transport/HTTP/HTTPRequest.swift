/// A request: complete, or without its body (``HTTPApplication/decide(_:through:)``).
public struct HTTPRequest: Sendable {
    let head: HTTPRequestHead
    public let body: [UInt8]
    /// The peer's address without its port.
    public let remoteAddress: String
    /// Whether the connection is encrypted.
    public let secure: Bool
    /// The loop of the connection.
    public let loop: Loop

    /// As sent: `GET`, `POST`, …; upper-case letters and hyphens, at most 20. Created on each call.
    public var method: String { head.methodText }

    /// Without the query, not decoded; begins with a slash. Created on each call.
    public var path: String { head.string(head.target.path) }

    /// Without the question mark, not decoded; empty if there is none. Created on each call.
    public var query: String { head.string(head.target.query) }

    /// In the order sent, names in lower case. Created on each call.
    public var headers: [(name: String, value: String)] { head.headers }

    /// The value of the first header with this name; the name must be in lower case.
    public subscript(header name: StaticString) -> String? { head[name] }

    /// Bytes of the request in memory.
    public var size: Int { head.text.count + body.count + remoteAddress.utf8.count }

    /// Calls `body` with the request's bytes, without copying. They are valid for the call only.
    @inline(__always)
    public func withBytes<Result>(_ body: (HTTPRequestBytes) -> Result) -> Result {
        var address = remoteAddress
        return head.text.withUnsafeBytes { text in
            self.body.withUnsafeBytes { content in
                address.withUTF8 { address in
                    body(
                        HTTPRequestBytes(
                            text: text, head: head, body: content, address: UnsafeRawBufferPointer(address)))
                }
            }
        }
    }
}

/// The bytes of a request, valid during one call. All text is UTF-8.
public struct HTTPRequestBytes {
    let text: UnsafeRawBufferPointer
    let head: HTTPRequestHead
    public let body: UnsafeRawBufferPointer
    /// The peer's address without its port.
    public let address: UnsafeRawBufferPointer

    /// As sent: `GET`, `POST`, …
    public var method: UnsafeRawBufferPointer { text.part(0..<head.target.range.lowerBound) }

    /// Without the query, not decoded.
    public var path: UnsafeRawBufferPointer { text.part(head.target.path) }

    /// Without the question mark, not decoded.
    public var query: UnsafeRawBufferPointer { text.part(head.target.query) }

    public var headerCount: Int { head.fields.count }

    /// In the order sent, the name in lower case.
    public func header(_ index: Int) -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let field = head.fields[index]
        return (text.part(field.name), text.part(field.value))
    }

    /// The value of the first header with this name; the name must be in lower case.
    public func header(_ name: StaticString) -> UnsafeRawBufferPointer? {
        head.first(name).map { text.part($0.value) }
    }
}
