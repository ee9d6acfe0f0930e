/// The head of a request, checked and taken apart once: one block of bytes, and where its parts lie in it. What is asked for becomes a `String` only then.
/// Immutable.
final class HTTPRequestHead: Sendable {
    /// Where a header stands in ``text``: its name in lower case, a colon, a space, its value, CR and LF.
    struct Field {
        var start: UInt32
        var nameCount: UInt32
        var valueCount: UInt32

        var name: Range<Int> { Int(start)..<Int(start + nameCount) }
        var value: Range<Int> { Int(start + nameCount) + 2..<Int(start + nameCount + valueCount) + 2 }
    }

    /// How the end of the body is told.
    enum Framing: Equatable {
        case length(Int)
        case chunked
    }

    let method: HTTPMethod
    /// HTTP/1.0: no chunks, and an end after every answer unless agreed otherwise.
    let isOld: Bool
    let isKeptAlive: Bool
    /// `Upgrade` is there and `Connection` names it: Node's rule. What for is judged later.
    let asksForUpgrade: Bool
    /// There is one Host, and it can be one; HTTP/1.0 may do without. Anything else is refused (RFC 9112 section 3.2): a proxy in front may have read
    /// another one.
    let hasSoundHost: Bool
    /// The body comes when it is told to.
    let expectsContinue: Bool
    let framing: Framing
    /// The method, the target, then the fields. UTF-8, whatever was sent.
    let text: [UInt8]
    let target: HTTPTarget
    let fields: ContiguousArray<Field>

    init(
        method: HTTPMethod, isOld: Bool, isKeptAlive: Bool, asksForUpgrade: Bool, hasSoundHost: Bool, expectsContinue: Bool, framing: Framing, text: [UInt8],
        target: HTTPTarget, fields: ContiguousArray<Field>
    ) {
        self.method = method
        self.isOld = isOld
        self.isKeptAlive = isKeptAlive
        self.asksForUpgrade = asksForUpgrade
        self.hasSoundHost = hasSoundHost
        self.expectsContinue = expectsContinue
        self.framing = framing
        self.text = text
        self.target = target
        self.fields = fields
    }

    /// What stands at `range` of ``text``.
    func string(_ range: Range<Int>) -> String {
        text.withUnsafeBytes { String(decoding: $0.part(range), as: UTF8.self) }
    }

    /// The method as sent.
    var methodText: String { string(0..<target.range.lowerBound) }

    /// All headers in the order sent, names in lower case. Decoded on each call.
    var headers: [(name: String, value: String)] {
        fields.map { (string($0.name), string($0.value)) }
    }

    /// The first header of this name, which is given in lower case.
    subscript(name: StaticString) -> String? {
        first(name).map { string($0.value) }
    }

    /// Calls `body` with the value of each header of this name, which is given in lower case. The bytes are valid for the call.
    func forEach(_ name: StaticString, _ body: (UnsafeRawBufferPointer) -> Void) {
        text.withUnsafeBytes { text in
            for field in fields where isNamed(field, name) { body(text.part(field.value)) }
        }
    }

    /// Calls `body` with the value of the first header of this name, which is given in lower case; nil: there is none. The bytes are valid for the call.
    func withValue<Result>(_ name: StaticString, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        guard let field = first(name) else { return body(nil) }
        return text.withUnsafeBytes { body($0.part(field.value)) }
    }

    /// Whether there is a header of this name, and the first has exactly this value.
    func has(_ name: StaticString, _ value: StaticString) -> Bool {
        withValue(name) { $0?.isEqual(to: value) ?? false }
    }

    /// Where the first header of this name stands, which is given in lower case.
    func first(_ name: StaticString) -> Field? {
        fields.first { isNamed($0, name) }
    }

    @inline(__always)
    private func isNamed(_ field: Field, _ name: StaticString) -> Bool {
        field.nameCount == name.utf8CodeUnitCount && text.withUnsafeBytes { $0.part(field.name).isEqual(to: name) }
    }
}
