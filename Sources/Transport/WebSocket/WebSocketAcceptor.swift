import EngineIO
import Glibc
import NIOCore
import NIOPosix

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
            refuse(
                HTTPResponseHead(status: status, headers: [("Content-Type", "text/html")] + headers), message, request,
                server, output)
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
        _ head: HTTPResponseHead, _ message: String, _ request: WebSocketRequest, _ server: ServerContext,
        _ output: ConnectionOutput
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

/// A request for a WebSocket, complete and not yet judged.
struct WebSocketRequest: Sendable {
    let endpoint: Endpoint
    let head: HTTPRequestHead
    let parameters: RequestParameters
    let commonFields: HTTPFields
    let remoteAddress: String
}

extension HTTPHandler {
    /// A complete request for a WebSocket: it is judged on the loop of the session it names. The kernel may have given
    /// the connection to another loop; then the *connection* moves, because a WebSocket stays and every message would
    /// have to be handed over otherwise.
    ///
    /// - Parameter bytes: what came behind the request.
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

    /// Puts `handler` where this one is.
    private func replaceHTTP(context: ChannelHandlerContext, with handler: some ChannelHandler) {
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(handler, position: .after(self))
            _ = pipeline.removeHandler(context: context)
        } catch {
            // The channel closed under us: there is nothing to replace.
            context.close(promise: nil)
        }
    }

    // MARK: - Moving

    /// Takes the socket off this loop and gives it to `owner`, with the bytes that were read too far.
    private func move(_ request: WebSocketRequest, to owner: Loop, ahead bytes: UnsafeRawBufferPointer) {
        guard output.bufferedBytes == 0, let context = detach() else { return end() }
        let server = self.server
        let rest = bytes.isEmpty ? nil : ByteBuffer(bytes: bytes)
        let channel = context.channel
        // A second descriptor of the same socket: closing the first does not end the connection.
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

    /// [owner] Makes a channel of the socket and goes on with the request.
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
