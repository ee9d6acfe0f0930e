/// Judges a request to an Engine.IO endpoint. The order of the questions is the reference's, since several may fail at once:
/// transport, session, method, hook, version.
public enum Handshake: Equatable, Sendable {
    /// It opens a session on this transport.
    case open(TransportName)
    /// It belongs to a session that exists.
    case session(String)
    /// It is refused.
    case refused(HandshakeError)

    /// What a session that exists speaks over; nil: there is none of this id.
    public typealias Lookup = (_ id: String) -> TransportName?

    /// - Parameters:
    ///   - method: as sent, upper case.
    ///   - isUpgrade: the request asks for a WebSocket.
    public static func judge(
        _ parameters: RequestParameters, method: String, isUpgrade: Bool, options: EngineOptions, lookup: Lookup
    ) -> Handshake {
        guard let name = parameters.transport, let transport = TransportName(rawValue: name), options.transports.contains(transport)
        else { return .refused(.unknownTransport) }
        if let id = parameters.sessionID {
            guard let current = lookup(id) else { return .refused(.unknownSession) }
            guard isUpgrade || current == transport else { return .refused(.badRequest) }
            return .session(id)
        }
        guard method == "GET" else { return .refused(.badMethod) }
        guard transport == .polling || isUpgrade else { return .refused(.badRequest) }
        guard parameters.version == "4" else { return .refused(.unsupportedVersion) }
        return .open(transport)
    }
}
