import EngineIO
import Support

/// What Engine.IO asks of a request.
extension HTTPRequestHead {
    /// What the query says.
    var parameters: RequestParameters {
        text.withUnsafeBytes { RequestParameters(query: $0.part(target.query)) }
    }

    /// What is kept of the request that opens a session.
    func handshakeRequest(from remoteAddress: String, over transport: TransportName) -> HandshakeRequest {
        HandshakeRequest(
            remoteAddress: remoteAddress, secure: false, issued: Clock.wallMilliseconds, transport: transport, text: text[target.range.lowerBound...],
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
