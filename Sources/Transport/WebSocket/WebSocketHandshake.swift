import EngineIO

/// Judges a WebSocket request on the loop of its session. First Engine.IO asks, then RFC 6455, each in the reference's order. [loop]
struct WebSocketHandshake {
    /// What a WebSocket is opened for.
    enum Purpose {
        /// A new session.
        case open(Opening)
        /// A session that may want to move over.
        case upgrade(Session)
        /// Nothing: it is accepted and closed. A refusal would make a widespread client throw.
        case nothing
        case echo
    }

    enum Verdict {
        case accepted(HTTPResponseHead, Purpose, PermessageDeflate.Agreement?)
        /// 400, in HTML: refusals of a WebSocket never are JSON.
        case refused(message: String, headers: [(String, String)])
    }

    let request: WebSocketRequest
    let server: ServerContext
    let loop: Loop

    func judge() -> Verdict {
        let purpose: Purpose
        switch self.purpose() {
        case .success(let found): purpose = found
        case .failure(let error): return .refused(message: error.message, headers: [])
        }
        if case .open(let opening) = purpose, let message = server.options.refuse?(opening) {
            return .refused(message: message, headers: [])
        }
        let head = request.head
        if let cors = server.options.cors, !cors.admits(origin: head["origin"], host: head["host"]) {
            loop.counters.foreignOrigins += 1
            return .refused(message: HandshakeError.forbidden.message, headers: [])
        }
        guard head["upgrade"]?.lowercased() == "websocket" else {
            return .refused(message: "Invalid Upgrade header", headers: [])
        }
        guard let key = head["sec-websocket-key"], WebSocketAccept.isKey(key) else {
            return .refused(message: "Missing or invalid Sec-WebSocket-Key header", headers: [])
        }
        let version = head["sec-websocket-version"]
        guard version == "13" || version == "8" else {
            return .refused(message: "Missing or invalid Sec-WebSocket-Version header", headers: [("Sec-WebSocket-Version", "13, 8")])
        }
        var answer = HTTPResponseHead(
            status: 101,
            headers: [
                ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", WebSocketAccept.value(for: key)),
            ])
        if let offered = head["sec-websocket-protocol"] {
            guard let first = Self.firstSubprotocol(offered) else {
                return .refused(message: "Invalid Sec-WebSocket-Protocol header", headers: [])
            }
            answer.fields.add("Sec-WebSocket-Protocol", first)
        }
        var agreement: PermessageDeflate.Agreement?
        if let options = server.options.deflate {
            agreement = PermessageDeflate.Agreement.negotiated(head.all("sec-websocket-extensions"), options: options)
            if let agreement { answer.fields.add("Sec-WebSocket-Extensions", agreement.header) }
        }
        answer.fields.add(request.commonFields)
        return .accepted(answer, purpose, agreement)
    }

    private func purpose() -> Result<Purpose, HandshakeError> {
        guard request.endpoint.kind != .webSocketEcho else { return .success(.echo) }
        let table = loop.tables[request.endpoint.index]
        let verdict = Handshake.judge(
            request.parameters, method: request.head.method, isUpgrade: true, options: request.endpoint.options
        ) { table[$0]?.transport }
        switch verdict {
        case .refused(let error): return .failure(error)
        case .open(let transport):
            guard !server.isStopping.load(ordering: .relaxed) else { return .failure(.badRequest) }
            guard transport == .websocket else { return .success(.nothing) }
            return .success(.open(request.head.opening(from: request.remoteAddress)))
        case .session(let id):
            guard request.head.method == "GET" else { return .failure(.badMethod) }
            guard let session = table[id], request.parameters.transport == TransportName.websocket.rawValue else { return .success(.nothing) }
            return .success(.upgrade(session))
        }
    }

    /// The first of a list of subprotocols: nobody here speaks one, and a client that offers some wants one named. nil: not a list of tokens.
    private static func firstSubprotocol(_ header: String) -> String? {
        let names = header.split(separator: ",", omittingEmptySubsequences: false).map { name in
            String(name.drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
        }
        guard Set(names).count == names.count, names.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isTokenCharacter) }) else { return nil }
        return names.first
    }

    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E, 0x5F, 0x60, 0x7C, 0x7E: true
        default: false
        }
    }
}
