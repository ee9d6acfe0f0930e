/// Judges a request to an Engine.IO endpoint. The order of the questions is the reference's, since several may fail at once:
/// transport, session, method, hook, version.
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
        guard let transport = parameters.transport, options.transports.contains(transport) else { return .refused(.unknownTransport) }
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
