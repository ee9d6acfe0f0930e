import RawJSON

/// The verdict on a request to an Engine.IO endpoint. Several checks may fail at once, so their order is the
/// reference's: transport, session, method, hook, version.
public enum Handshake: Equatable, Sendable {
    /// The request opens a session on this transport.
    case open(TransportName)
    /// The request belongs to an existing session.
    case session(SessionID)
    /// The request is refused.
    case refused(HandshakeError)

    /// Returns the transport in use by a session; nil if no session has this id.
    public typealias Lookup = (_ id: SessionID) -> TransportName?

    /// - Parameters:
    ///   - isGet: the method is GET.
    ///   - isUpgrade: the request asks for an upgrade to WebSocket.
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

/// The errors of Engine.IO's handshake; the raw value is the `code` of the response.
public enum HandshakeError: Int, Error, Sendable, CaseIterable {
    case unknownTransport = 0
    case unknownSession = 1
    case badMethod = 2
    case badRequest = 3
    case forbidden = 4
    case unsupportedVersion = 5
    /// A limit allows no further session. Specific to Jackfield: the reference has no such limit.
    case overloaded = 6

    /// The reference's text, except for ``overloaded``.
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

    /// The HTTP status over polling. A WebSocket handshake gets 400 instead of 403.
    public var status: Int {
        switch self {
        case .forbidden: 403
        case .overloaded: 503
        case .unknownTransport, .unknownSession, .badMethod, .badRequest, .unsupportedVersion: 400
        }
    }

    /// The body over polling, `{"code":n,"message":"…"}`. A hook's message replaces the default one.
    public func json(message: String? = nil) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.integer(rawValue, key: "code")
        json.text(message ?? self.message, key: "message")
        json.endObject()
        return json.bytes
    }
}
