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
