import EngineIO
import NIOCore
import NIOHTTP1

extension HTTPHandler {
    /// Decides what a request for an endpoint is: a preflight, a WebSocket, or a polling request, which is begun.
    func route(_ exchange: HTTPExchange, to endpoint: Endpoint) {
        let headers = exchange.head.headers
        let origin = headers.first(name: "origin")
        if let cors = server.options.cors {
            if exchange.head.method == .OPTIONS {
                let preflight = cors.preflightHeaders(for: origin, requestedHeaders: headers.first(name: "access-control-request-headers"))
                return exchange.respond(HTTPResponseHead(status: 204, headers: preflight.map { ($0.name, $0.value) }), body: [])
            }
            exchange.commonHeaders = cors.headers(for: origin)
        }
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
