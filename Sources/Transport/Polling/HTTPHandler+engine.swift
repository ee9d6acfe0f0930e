import EngineIO
import NIOCore
import NIOHTTP1

extension HTTPHandler {
    /// Decides what a request for an endpoint is: a WebSocket, or a polling request, which is begun.
    func route(_ exchange: HTTPExchange, to endpoint: Endpoint) {
        if asksForUpgrade(exchange.head), endpoint.options.transports.contains(.websocket) {
            exchange.route = .webSocket(endpoint)
            return
        }
        guard endpoint.kind != .webSocketEcho else {
            return exchange.respond(HTTPResponseHead(status: 426, headers: [("Upgrade", "websocket")]), body: [])
        }
        exchange.bodyLimit = endpoint.options.maxPayload
        let request = PollingRequest(exchange: exchange, endpoint: endpoint, handler: self)
        exchange.route = .polling(request)
        request.begin()
    }

    /// Node's rule: any `Upgrade` that `Connection` names. Whether it is for a WebSocket is judged later.
    private func asksForUpgrade(_ head: HTTPRequestHead) -> Bool {
        head.headers.contains(name: "upgrade") && head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
    }
}
