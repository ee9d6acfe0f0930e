import EngineIO

extension HandshakeError {
    /// What a ``RefusalRecord`` counts.
    var reason: String {
        switch self {
        case .unknownTransport: "unknown_transport"
        case .unknownSession: "unknown_session"
        case .badMethod: "bad_method"
        case .badRequest: "bad_request"
        case .forbidden: "denied"
        case .unsupportedVersion: "unsupported_version"
        case .overloaded: "overloaded"
        }
    }
}
