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
                    body(
                        HTTPRequestBytes(
                            text: text, head: head, body: content, address: UnsafeRawBufferPointer(address)))
                }
            }
        }
    }
}

/// A request as it lies in memory, on loan for a call. All text is UTF-8.
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

    /// The value of the first header of this name, which is given in lower case.
    public func header(_ name: StaticString) -> UnsafeRawBufferPointer? {
        head.first(name).map { text.part($0.value) }
    }
}
