/// The head of a request, checked and taken apart once: one block of bytes, and where its fields lie in it. A header becomes a `String` only for whoever
/// asks for it. Immutable.
final class HTTPRequestHead: Sendable {
    /// Where a header stands in ``text``: its name, a colon, a space, its value, CR and LF.
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
    let framing: Framing
    /// The target, then the fields.
    let text: [UInt8]
    let targetCount: Int
    private let fields: ContiguousArray<Field>

    init(
        method: String, isOld: Bool, isKeptAlive: Bool, asksForUpgrade: Bool, framing: Framing, text: [UInt8], targetCount: Int,
        fields: ContiguousArray<Field>
    ) {
        self.method = method
        self.isOld = isOld
        self.isKeptAlive = isKeptAlive
        self.asksForUpgrade = asksForUpgrade
        self.framing = framing
        self.text = text
        self.targetCount = targetCount
        self.fields = fields
    }

    /// Path and query as sent.
    var target: String { String(decoding: text[..<targetCount], as: UTF8.self) }

    /// All headers in the order sent, names as sent. Decoded on each call.
    var headers: [(name: String, value: String)] {
        fields.map { (String(decoding: text[$0.name], as: UTF8.self), String(decoding: text[$0.value], as: UTF8.self)) }
    }

    /// The first header of this name, which is given in lower case.
    subscript(name: StaticString) -> String? {
        fields.first { $0.isNamed(name, in: text) }.map { String(decoding: text[$0.value], as: UTF8.self) }
    }

    /// All headers of this name, which is given in lower case.
    func all(_ name: StaticString) -> [String] {
        fields.filter { $0.isNamed(name, in: text) }.map { String(decoding: text[$0.value], as: UTF8.self) }
    }

    /// Whether there is a header of this name, and the first has exactly this value.
    func has(_ name: StaticString, _ value: StaticString) -> Bool {
        guard let field = fields.first(where: { $0.isNamed(name, in: text) }), field.valueCount == value.utf8CodeUnitCount else { return false }
        return text[field.value].elementsEqual(UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }
}

extension HTTPRequestHead.Field {
    /// - Parameter name: of lower-case letters and hyphens, so that setting one bit makes any case of it equal, and nothing else that a name may contain.
    @inline(__always)
    func isNamed(_ name: StaticString, in text: borrowing [UInt8]) -> Bool {
        guard nameCount == name.utf8CodeUnitCount else { return false }
        for index in 0..<Int(nameCount) where text[Int(start) + index] | 0x20 != name.utf8Start[index] { return false }
        return true
    }
}
