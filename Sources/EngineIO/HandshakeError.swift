import RawJSON

/// The errors of Engine.IO's handshake; the raw value is the code on the wire.
public enum HandshakeError: Int, Error, Sendable, CaseIterable {
    case unknownTransport = 0
    case unknownSession = 1
    case badMethod = 2
    case badRequest = 3
    case forbidden = 4
    case unsupportedVersion = 5
    /// There is no room for one more session. Jackfield's own: the reference has no such limit.
    case overloaded = 6

    /// The reference's text.
    public var message: String {
        switch self {
        case .unknownTransport: "Transport unknown"
        case .unknownSession: "Session ID unknown"
        case .badMethod: "Bad handshake method"
        case .badRequest: "Bad request"
        case .forbidden: "Forbidden"
        case .unsupportedVersion: "Unsupported protocol version"
        case .overloaded: "Overloaded"
        }
    }

    /// The HTTP status over polling. A WebSocket is refused with 400 instead of 403.
    public var status: Int {
        switch self {
        case .forbidden: 403
        case .overloaded: 503
        case .unknownTransport, .unknownSession, .badMethod, .badRequest, .unsupportedVersion: 400
        }
    }

    /// The body over polling, `{"code":n,"message":"…"}`; with a hook's own message in place of the usual one.
    public func json(message: String? = nil) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.integer(rawValue, key: "code")
        json.text(message ?? self.message, key: "message")
        json.endObject()
        return json.bytes
    }
}
