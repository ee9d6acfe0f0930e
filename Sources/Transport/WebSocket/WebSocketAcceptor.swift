import EngineIO
import NIOCore

/// Answers a WebSocket request, on the loop of its session, and puts the connection to work. [loop]
enum WebSocketAcceptor {
    /// - Parameters:
    ///   - install: puts the handler into the channel, in place of what reads HTTP.
    ///   - refused: the connection is ended by whoever reads it now.
    static func admit(
        _ request: WebSocketRequest, server: ServerContext, loop: Loop, output: ConnectionOutput,
        install: (WebSocketHandler) -> Void, refused: () -> Void
    ) {
        switch WebSocketHandshake(request: request, server: server, loop: loop).verify() {
        case .refused(let status, let message, let headers):
            refuse(HTTPResponseHead(status: status, headers: [("Content-Type", "text/html")] + headers), message, request, server, output)
            refused()
        case .unavailable(let message):
            refuse(ServerContext.unavailable, message, request, server, output)
            refused()
        case .accepted(let head, let purpose, let agreement):
            if server.logsRequests { server.log(request.head, status: 101, from: request.remoteAddress) }
            head.write(to: output, framing: .none, connection: nil)
            let deflate = agreement.map { PermessageDeflate($0, options: server.options.deflate ?? DeflateOptions()) }
            let handler = WebSocketHandler(
                loop: loop, output: output, endpoint: request.endpoint, deflate: deflate)
            install(handler)
            begin(handler, purpose, request, loop)
        }
    }

    private static func refuse(
        _ head: HTTPResponseHead, _ message: String, _ request: WebSocketRequest, _ server: ServerContext, _ output: ConnectionOutput
    ) {
        if server.logsRequests { server.log(request.head, status: head.status, from: request.remoteAddress) }
        head.write(to: output, framing: .length(message.utf8.count), connection: "close")
        Array(message.utf8).withUnsafeBytes { output.append($0) }
    }

    private static func begin(
        _ handler: WebSocketHandler, _ purpose: WebSocketHandshake.Purpose, _ request: WebSocketRequest, _ loop: Loop
    ) {
        switch purpose {
        case .echo:
            handler.deliver(to: .echo)
        case .nothing:
            handler.close()
        case .upgrade(let session):
            handler.deliver(to: .session(session))
            session.webSocketOpened(handler)
        case .open(let handshakeRequest):
            let table = loop.tables[request.endpoint.index]
            let session = table.open(handshakeRequest, over: handler, usesBase64: request.parameters.wantsBase64)
            handler.deliver(to: .session(session))
            request.endpoint.accept(session, on: loop)
        }
    }
}
