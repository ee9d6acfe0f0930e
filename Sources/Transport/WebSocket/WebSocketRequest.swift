import EngineIO

/// A request for a WebSocket, complete and not yet judged.
struct WebSocketRequest: Sendable {
    let endpoint: Endpoint
    let head: HTTPRequestHead
    let parameters: RequestParameters
    let commonFields: HTTPFields
    let remoteAddress: String
}
