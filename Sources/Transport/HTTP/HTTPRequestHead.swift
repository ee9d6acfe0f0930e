import EngineIO
import Support

/// The head of a request, checked and taken apart once: one block of bytes, and where its parts lie in it. What is
/// asked for becomes a `String` only then. Immutable.
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
    /// There is one Host, and it can be one; HTTP/1.0 may do without. Anything else is refused (RFC 9112 section 3.2):
    /// a proxy in front may have read another one.
    let hasSoundHost: Bool
    /// The body comes when it is told to.
    let expectsContinue: Bool
    let framing: Framing
    /// The method, the target, then the fields. UTF-8, whatever was sent.
    let text: [UInt8]
    let target: HTTPTarget
    let fields: ContiguousArray<Field>

    init(
        method: HTTPMethod, isOld: Bool, isKeptAlive: Bool, asksForUpgrade: Bool, hasSoundHost: Bool,
        expectsContinue: Bool, framing: Framing, text: [UInt8],
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

    /// Calls `body` with the value of each header of this name, which is given in lower case. The
    /// bytes are valid for the call.
    func forEach(_ name: StaticString, _ body: (UnsafeRawBufferPointer) -> Void) {
        text.withUnsafeBytes { text in
            for field in fields where isNamed(field, name) { body(text.part(field.value)) }
        }
    }

    /// Calls `body` with the value of the first header of this name, which is given in lower case; nil: there is none.
    /// The bytes are valid for the call.
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

/// Where the target of a request stands in its text, and which parts of it are path and query.
struct HTTPTarget {
    let range: Range<Int>
    /// Of a target that may be an absolute URI, as proxies send it. Without the query.
    let path: Range<Int>
    /// Without its question mark; empty when there is none.
    let query: Range<Int>

    init(_ range: Range<Int>, in text: UnsafeRawBufferPointer) {
        self.range = range
        guard let start = Self.startOfPath(range, in: text) else {
            // An authority alone: its path is the first slash of `://`, which is as good as any.
            path = text[range].firstIndex(of: 0x2F).map { $0..<$0 + 1 } ?? range
            query = range.upperBound..<range.upperBound
            return
        }
        let mark = text[start..<range.upperBound].firstIndex(of: 0x3F) ?? range.upperBound
        path = start..<mark
        query = min(mark + 1, range.upperBound)..<range.upperBound
    }

    /// nil if there is no path behind the authority.
    private static func startOfPath(_ range: Range<Int>, in text: UnsafeRawBufferPointer) -> Int? {
        guard text[range.lowerBound] != 0x2F, let colon = text[range].firstIndex(of: 0x3A),
            colon + 3 <= range.upperBound,
            text[colon + 1] == 0x2F, text[colon + 2] == 0x2F
        else { return range.lowerBound }
        return text[(colon + 3)..<range.upperBound].firstIndex(of: 0x2F)
    }
}

/// The methods that are asked for here; applications compare others themselves.
enum HTTPMethod {
    case get
    case head
    case post
    case options
    case other

    init(_ bytes: UnsafeRawBufferPointer) {
        self =
            switch bytes.count {
            case 3 where bytes.isEqual(to: "GET"): .get
            case 4 where bytes.isEqual(to: "HEAD"): .head
            case 4 where bytes.isEqual(to: "POST"): .post
            case 7 where bytes.isEqual(to: "OPTIONS"): .options
            default: .other
            }
    }
}

/// What Engine.IO asks of a request.
extension HTTPRequestHead {
    /// What the query says.
    var parameters: RequestParameters {
        text.withUnsafeBytes { RequestParameters(query: $0.part(target.query)) }
    }

    /// What is kept of the request that opens a session.
    func handshakeRequest(from remoteAddress: String, over transport: TransportName) -> HandshakeRequest {
        HandshakeRequest(
            remoteAddress: remoteAddress, secure: false, issued: Clock.wallMilliseconds, transport: transport,
            text: text[target.range.lowerBound...],
            uriCount: target.range.count)
    }

    /// Sent by an Internet Explorer.
    var isOfExplorer: Bool {
        guard let agent = first("user-agent") else { return false }
        return text.withUnsafeBytes { text in
            let agent = text.part(agent.value)
            return agent.contains(";MSIE") || agent.contains("Trident/")
        }
    }
}
