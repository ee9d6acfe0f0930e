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

    /// As sent: `GET`, `POST`, …
    let method: String
    /// HTTP/1.0: no chunks, and an end after every answer unless agreed otherwise.
    let isOld: Bool
    let isKeptAlive: Bool
    /// `Upgrade` is there and `Connection` names it: Node's rule. What for is judged later.
    let asksForUpgrade: Bool
    /// The body comes when it is told to.
    let expectsContinue: Bool
    let framing: Framing
    /// The method, the target, then the fields. UTF-8, whatever was sent.
    let text: [UInt8]
    let target: HTTPTarget
    let fields: ContiguousArray<Field>

    init(
        method: String, isOld: Bool, isKeptAlive: Bool, asksForUpgrade: Bool, expectsContinue: Bool, framing: Framing, text: [UInt8],
        target: HTTPTarget, fields: ContiguousArray<Field>
    ) {
        self.method = method
        self.isOld = isOld
        self.isKeptAlive = isKeptAlive
        self.asksForUpgrade = asksForUpgrade
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

    /// All headers in the order sent, names in lower case. Decoded on each call.
    var headers: [(name: String, value: String)] {
        fields.map { (string($0.name), string($0.value)) }
    }

    /// The first header of this name, which is given in lower case.
    subscript(name: StaticString) -> String? {
        first(name).map { string($0.value) }
    }

    /// All headers of this name, which is given in lower case.
    func all(_ name: StaticString) -> [String] {
        fields.filter { isNamed($0, name) }.map { string($0.value) }
    }

    /// Whether there is a header of this name, and the first has exactly this value.
    func has(_ name: StaticString, _ value: StaticString) -> Bool {
        guard let field = first(name) else { return false }
        return text.withUnsafeBytes { $0.part(field.value).isEqual(to: value) }
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
