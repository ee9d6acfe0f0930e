import EngineIO
import Glibc
import NIOCore
import NIOPosix

/// Answers a WebSocket request on the loop of its session, and starts the connection's handler. [loop]
enum WebSocketAcceptor {
    /// - Parameters:
    ///   - install: adds the handler to the channel, in place of the HTTP handler if there is one.
    ///   - refused: ends the connection after the refusal.
    static func admit(
        _ request: WebSocketRequest, server: ServerContext, loop: Loop, output: ConnectionOutput,
        install: (WebSocketHandler) -> Void, refused: () -> Void
    ) {
        switch WebSocketHandshake(request: request, server: server, loop: loop).verify() {
        case .refused(let status, let message, let headers):
            refuse(
                HTTPResponseHead(status: status, headers: [("Content-Type", "text/html")] + headers), message, request,
                server, output)
            refused()
        case .unavailable(let message):
            refuse(ServerContext.unavailable, message, request, server, output)
            refused()
        case .accepted(let head, let purpose, let agreement):
            if loop.settings.logsRequests { server.log(request.head, status: 101, from: request.remoteAddress) }
            head.write(to: output, framing: .none, connection: nil)
            let deflate = agreement.map { PermessageDeflate($0, options: server.options.deflate ?? DeflateOptions()) }
            let handler = WebSocketHandler(
                loop: loop, output: output, endpoint: request.endpoint, deflate: deflate)
            install(handler)
            begin(handler, purpose, request, loop)
        }
    }

    private static func refuse(
        _ head: HTTPResponseHead, _ message: String, _ request: WebSocketRequest, _ server: ServerContext,
        _ output: ConnectionOutput
    ) {
        if output.loop.settings.logsRequests {
            server.log(request.head, status: head.status, from: request.remoteAddress)
        }
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

/// A complete WebSocket request that is not verified yet.
struct WebSocketRequest: Sendable {
    let endpoint: Endpoint
    let head: HTTPRequestHead
    let parameters: RequestParameters
    let commonFields: HTTPFields
    let remoteAddress: String
}

extension HTTPHandler {
    /// Handles a complete WebSocket request on the loop of the session that it names. If the kernel has assigned the
    /// connection to another loop, the connection moves to the session's loop: otherwise every message of the WebSocket
    /// would have to be enqueued on another loop.
    ///
    /// - Parameter bytes: input behind the request.
    func upgrade(_ exchange: HTTPExchange, to endpoint: Endpoint, ahead bytes: UnsafeRawBufferPointer) {
        let request = WebSocketRequest(
            endpoint: endpoint, head: exchange.head, parameters: exchange.head.parameters,
            commonFields: exchange.commonFields, remoteAddress: remoteAddress)
        let owner = server.loops.owner(of: request.parameters.sessionID) ?? loop
        guard owner === loop else { return move(request, to: owner, ahead: bytes) }
        var successor: ChannelHandlerContext?
        WebSocketAcceptor.admit(
            request, server: server, loop: loop, output: output,
            install: { handler in
                guard let context = detach() else { return }
                successor = context
                replaceHTTP(context: context, with: handler)
            },
            refused: { end() })
        if let successor, !bytes.isEmpty {
            successor.pipeline.syncOperations.fireChannelRead(NIOAny(ByteBuffer(bytes: bytes)))
        }
    }

    /// Replaces this handler by `handler`.
    private func replaceHTTP(context: ChannelHandlerContext, with handler: some ChannelHandler) {
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(handler, position: .after(self))
            _ = pipeline.removeHandler(context: context)
        } catch {
            // The channel has been closed already.
            context.close(promise: nil)
        }
    }

    // MARK: - Moving

    /// Moves the socket from this loop to `owner`, with the input behind the request.
    private func move(_ request: WebSocketRequest, to owner: Loop, ahead bytes: UnsafeRawBufferPointer) {
        guard output.bufferedBytes == 0, let context = detach() else { return end() }
        let server = self.server
        let rest = bytes.isEmpty ? nil : ByteBuffer(bytes: bytes)
        let channel = context.channel
        // A duplicate of the descriptor: closing the original does not end the connection.
        let copy =
            (try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
                fcntl($0, F_DUPFD_CLOEXEC, 0)
            }) ?? -1
        channel.close(promise: nil)
        guard copy >= 0 else {
            return server.logger.warning("a connection could not be moved to another event loop: errno \(errno)")
        }
        owner.runOrEnqueue { Self.adopt(copy, rest, request, server, owner) }
    }

    /// [owner] Creates a channel for the socket and answers the request.
    private static func adopt(
        _ descriptor: CInt, _ bytes: ByteBuffer?, _ request: WebSocketRequest, _ server: ServerContext, _ owner: Loop
    ) {
        ClientBootstrap(group: owner.eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: ReceiveAllocator(on: owner))
            .withConnectedSocket(descriptor)
            .assumeIsolated()
            .whenComplete { result in
                guard case .success(let channel) = result else { return }
                server.limits.connectionMoves(from: request.remoteAddress)
                server.limits.count(channel, from: request.remoteAddress)
                let output = ConnectionOutput(loop: owner, channel: channel, isEncrypted: false)
                WebSocketAcceptor.admit(
                    request, server: server, loop: owner, output: output,
                    install: { try? channel.pipeline.syncOperations.addHandler($0) },
                    refused: { output.closeWhenWritten() })
                if let bytes { channel.pipeline.syncOperations.fireChannelRead(NIOAny(bytes)) }
                try? channel.syncOptions?.setOption(.autoRead, value: true)
            }
    }
}
