import RawJSON

/// Judges a request to an Engine.IO endpoint. The order of the questions is the reference's, since several may fail at
/// once: transport, session, method, hook, version.
public enum Handshake: Equatable, Sendable {
    /// It opens a session on this transport.
    case open(TransportName)
    /// It belongs to a session that exists.
    case session(SessionID)
    /// It is refused.
    case refused(HandshakeError)

    /// What a session that exists speaks over; nil: there is none of this id.
    public typealias Lookup = (_ id: SessionID) -> TransportName?

    /// - Parameters:
    ///   - isGet: the method is GET.
    ///   - isUpgrade: the request asks for a WebSocket.
    public static func verify(
        _ parameters: RequestParameters, isGet: Bool, isUpgrade: Bool, options: EngineOptions, lookup: Lookup
    ) -> Handshake {
        guard let transport = parameters.transport, options.transports.contains(transport) else {
            return .refused(.unknownTransport)
        }
        switch parameters.session {
        case .none: break
        case .impossible: return .refused(.unknownSession)
        case .id(let id):
            guard let current = lookup(id) else { return .refused(.unknownSession) }
            guard isUpgrade || current == transport else { return .refused(.badRequest) }
            return .session(id)
        }
        guard isGet else { return .refused(.badMethod) }
        guard transport == .polling || isUpgrade else { return .refused(.badRequest) }
        guard parameters.isVersion4 else { return .refused(.unsupportedVersion) }
        return .open(transport)
    }
}

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
