import EngineIO

extension HTTPHandler {
    /// Decides what a request for an endpoint is: a WebSocket, or a polling request, which is begun.
    func route(_ exchange: HTTPExchange, to endpoint: Endpoint) {
        if exchange.head.asksForUpgrade, endpoint.options.transports.contains(.websocket) {
            exchange.route = .webSocket(endpoint)
            return
        }
        guard endpoint.kind != .webSocketEcho else {
            return exchange.respond(HTTPResponseHead(status: 426, headers: [("Upgrade", "websocket")]), body: [])
        }
        exchange.bodyLimit = min(endpoint.options.maxPayload, server.options.maxBeforeJoining)
        let request = PollingRequest(exchange: exchange, endpoint: endpoint, handler: self)
        exchange.route = .polling(request)
        request.begin()
    }
}
