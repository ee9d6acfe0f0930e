/// What is decided about a request that would open a session.
public enum HandshakeDecision: Sendable {
    /// It may.
    ///
    /// - Parameters:
    ///   - initial: fields of the first response alone: the handshake of polling, or the WebSocket's 101.
    ///   - always: fields of every HTTP response of the session, the first included.
    case open(initial: HTTPFields, always: HTTPFields)
    /// It may not: code 4, with these words.
    case refuse(String)

    /// It may, and nothing is to be said about it.
    public static let open = HandshakeDecision.open(initial: HTTPFields(), always: HTTPFields())
}
