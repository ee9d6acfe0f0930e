import EngineIO
import Support

/// The parsed head of a request: one block of bytes, and the ranges of its parts. Strings are created only on request.
/// Immutable.
final class HTTPRequestHead: Sendable {
    /// A header in ``text``: its name in lower case, a colon, a space, its value, CR and LF.
    struct Field {
        var start: UInt32
        var nameCount: UInt32
        var valueCount: UInt32

        var name: Range<Int> { Int(start)..<Int(start + nameCount) }
        var value: Range<Int> { Int(start + nameCount) + 2..<Int(start + nameCount + valueCount) + 2 }
    }

    /// How the length of the body is determined.
    enum Framing: Equatable {
        case length(Int)
        case chunked
    }

    let method: HTTPMethod
    /// HTTP/1.0: no chunked answers, and the connection closes after each answer unless `keep-alive` was requested.
    let isHTTP10: Bool
    let isKeptAlive: Bool
    /// There is an `Upgrade` header and `Connection` names it, as Node has it. The protocol is checked later.
    let asksForUpgrade: Bool
    /// There is exactly one Host header with a valid host; HTTP/1.0 may omit it. Anything else is refused (RFC 9112
    /// section 3.2), because a proxy in front may have understood another host.
    let hasValidHost: Bool
    /// The client waits for `100 Continue` before it sends the body.
    let expectsContinue: Bool
    let framing: Framing
    /// The method, the target, then the fields. Always valid UTF-8.
    let text: [UInt8]
    let target: HTTPTarget
    let fields: ContiguousArray<Field>

    init(
        method: HTTPMethod, isHTTP10: Bool, isKeptAlive: Bool, asksForUpgrade: Bool, hasValidHost: Bool,
        expectsContinue: Bool, framing: Framing, text: [UInt8],
        target: HTTPTarget, fields: ContiguousArray<Field>
    ) {
        self.method = method
        self.isHTTP10 = isHTTP10
        self.isKeptAlive = isKeptAlive
        self.asksForUpgrade = asksForUpgrade
        self.hasValidHost = hasValidHost
        self.expectsContinue = expectsContinue
        self.framing = framing
        self.text = text
        self.target = target
        self.fields = fields
    }

    /// The text at `range` of ``text``.
    func string(_ range: Range<Int>) -> String {
        text.withUnsafeBytes { String(decoding: $0.part(range), as: UTF8.self) }
    }

    /// The method as sent.
    var methodText: String { string(0..<target.range.lowerBound) }

    /// All headers in the order sent, names in lower case. Decoded on each call.
    var headers: [(name: String, value: String)] {
        fields.map { (string($0.name), string($0.value)) }
    }

    /// The value of the first header with this name; the name must be in lower case.
    subscript(name: StaticString) -> String? {
        first(name).map { string($0.value) }
    }

    /// Calls `body` with the value of each header with this name, which must be in lower case. The bytes are valid for
    /// the call only.
    func forEach(_ name: StaticString, _ body: (UnsafeRawBufferPointer) -> Void) {
        text.withUnsafeBytes { text in
            for field in fields where isNamed(field, name) { body(text.part(field.value)) }
        }
    }

    /// Calls `body` with the value of the first header with this name, which must be in lower case; nil if there is
    /// none. The bytes are valid for the call only.
    func withValue<Result>(_ name: StaticString, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
        guard let field = first(name) else { return body(nil) }
        return text.withUnsafeBytes { body($0.part(field.value)) }
    }

    /// Whether the first header with this name has exactly this value.
    func has(_ name: StaticString, _ value: StaticString) -> Bool {
        withValue(name) { $0?.isEqual(to: value) ?? false }
    }

    /// The first header with this name, which must be in lower case.
    func first(_ name: StaticString) -> Field? {
        fields.first { isNamed($0, name) }
    }

    @inline(__always)
    private func isNamed(_ field: Field, _ name: StaticString) -> Bool {
        field.nameCount == name.utf8CodeUnitCount && text.withUnsafeBytes { $0.part(field.name).isEqual(to: name) }
    }
}

/// The ranges of a request's target, its path and its query in ``HTTPRequestHead/text``.
struct HTTPTarget {
    let range: Range<Int>
    /// Without the query. The target may be an absolute URI, as proxies send it; the path is then that of the URI.
    let path: Range<Int>
    /// Without its question mark; empty if there is none.
    let query: Range<Int>

    init(_ range: Range<Int>, in text: UnsafeRawBufferPointer) {
        self.range = range
        guard let start = Self.startOfPath(range, in: text) else {
            // An authority without a path: the first slash of `://` serves as the path `/`.
            path = text[range].firstIndex(of: 0x2F).map { $0..<$0 + 1 } ?? range
            query = range.upperBound..<range.upperBound
            return
        }
        let mark = text[start..<range.upperBound].firstIndex(of: 0x3F) ?? range.upperBound
        path = start..<mark
        query = min(mark + 1, range.upperBound)..<range.upperBound
    }

    /// nil if no path follows the authority.
    private static func startOfPath(_ range: Range<Int>, in text: UnsafeRawBufferPointer) -> Int? {
        guard text[range.lowerBound] != 0x2F, let colon = text[range].firstIndex(of: 0x3A),
            colon + 3 <= range.upperBound,
            text[colon + 1] == 0x2F, text[colon + 2] == 0x2F
        else { return range.lowerBound }
        return text[(colon + 3)..<range.upperBound].firstIndex(of: 0x2F)
    }
}

/// The methods that this module distinguishes. Applications compare others themselves.
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

/// What Engine.IO needs of a request.
extension HTTPRequestHead {
    /// The Engine.IO parameters of the query.
    var parameters: RequestParameters {
        text.withUnsafeBytes { RequestParameters(query: $0.part(target.query)) }
    }

    /// The part of a request that is kept for the session it opens.
    func handshakeRequest(from remoteAddress: String, over transport: TransportName) -> HandshakeRequest {
        HandshakeRequest(
            remoteAddress: remoteAddress, secure: false, issued: Clock.wallMilliseconds, transport: transport,
            text: text[target.range.lowerBound...],
            uriCount: target.range.count)
    }

    /// Whether an Internet Explorer sent the request.
    var isOfExplorer: Bool {
        guard let agent = first("user-agent") else { return false }
        return text.withUnsafeBytes { text in
            let agent = text.part(agent.value)
            return agent.contains(";MSIE") || agent.contains("Trident/")
        }
    }
}
