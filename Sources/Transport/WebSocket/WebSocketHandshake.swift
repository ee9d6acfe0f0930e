import COpenSSL
import EngineIO
import Support

/// Verifies a WebSocket request on the loop of its session: first the rules of Engine.IO, then those of RFC 6455, both
/// in the order of the reference. [loop]
struct WebSocketHandshake {
    /// What a WebSocket is used for.
    enum Purpose {
        /// A new session.
        case open(HandshakeRequest)
        /// An existing session that may upgrade from polling.
        case upgrade(Session)
        /// The connection is accepted and closed at once, because a widespread client throws if it is refused.
        case nothing
        case echo
    }

    enum Verdict {
        case accepted(HTTPResponseHead, Purpose, PermessageDeflate.Agreement?)
        /// A refusal. The body is sent as HTML, never as JSON.
        case refused(status: Int = 400, message: String, headers: [(String, String)] = [])
        /// 503: no session can be opened at present.
        case unavailable(message: String)
    }

    let request: WebSocketRequest
    let server: ServerContext
    let loop: Loop

    func verify() -> Verdict {
        let purpose: Purpose
        switch self.purpose() {
        case .success(let found): purpose = found
        case .failure(let error): return refused(error)
        }
        var extraFields = HTTPFields()
        switch purpose {
        case .open(let handshakeRequest):
            if let reason = server.unavailable(request.endpoint) {
                server.refused("unavailable", reason, from: request.remoteAddress)
                return .unavailable(message: reason)
            }
            switch server.options.allowRequest?(handshakeRequest) ?? .open {
            case .refuse(let message):
                loop.counters.refusedHandshakes[HandshakeError.forbidden.rawValue] += 1
                return .refused(message: message)
            case .open(let initial, let always):
                extraFields = initial
                extraFields.add(always)
            }
        case .upgrade(let session): extraFields = HTTPFields(lines: session.headerLines)
        case .nothing, .echo: break
        }
        return request.head.text.withUnsafeBytes { text in
            verify(purpose, extraFields) { name in request.head.first(name).map { text.part($0.value) } }
        }
    }

    /// - Parameters:
    ///   - extraFields: fields of the answer if the request is accepted.
    ///   - field: returns the value of the first header with a name.
    private func verify(
        _ purpose: Purpose, _ extraFields: HTTPFields, _ field: (StaticString) -> UnsafeRawBufferPointer?
    ) -> Verdict {
        if let cors = loop.settings.cors, !cors.admits(origin: field("origin"), host: field("host")) {
            loop.counters.foreignOrigins += 1
            server.refused(
                "origin",
                "the origin \(String(cutting: field("origin") ?? Self.nothing, to: 256)) is not among cors.origin",
                from: request.remoteAddress)
            loop.counters.refusedHandshakes[HandshakeError.forbidden.rawValue] += 1
            return .refused(message: Self.foreignOrigin)
        }
        guard field("upgrade")?.isEqual(ignoringCase: "websocket") == true else {
            return malformed("Invalid Upgrade header")
        }
        guard let key = field("sec-websocket-key"), WebSocketAcceptKey.isKey(key) else {
            return malformed("Missing or invalid Sec-WebSocket-Key header")
        }
        guard let version = field("sec-websocket-version"), version.isEqual(to: "13") || version.isEqual(to: "8") else {
            return malformed(
                "Missing or invalid Sec-WebSocket-Version header", headers: [("Sec-WebSocket-Version", "13, 8")])
        }
        var answer = HTTPResponseHead(
            status: 101,
            headers: [
                ("Upgrade", "websocket"), ("Connection", "Upgrade"),
                ("Sec-WebSocket-Accept", WebSocketAcceptKey.value(for: key)),
            ])
        if let offered = field("sec-websocket-protocol") {
            guard let first = Self.firstSubprotocol(offered) else {
                return malformed("Invalid Sec-WebSocket-Protocol header")
            }
            answer.fields.add("Sec-WebSocket-Protocol", first)
        }
        var agreement: PermessageDeflate.Agreement?
        if let options = server.options.deflate {
            request.head.forEach("sec-websocket-extensions") { value in
                agreement = agreement ?? PermessageDeflate.Agreement.negotiated(value, options: options)
            }
            if let agreement { answer.fields.add("Sec-WebSocket-Extensions", agreement.header) }
        }
        answer.fields.add(extraFields)
        answer.fields.add(request.commonFields)
        // Last, because a counted session must be opened.
        if case .open = purpose, let refusal = server.limits.addSession(from: request.remoteAddress, on: loop) {
            return refused(.overloaded, message: refusal.message)
        }
        return .accepted(answer, purpose, agreement)
    }

    /// Developers of a foreign page see this text in the browser's network tools. It does not contain the origin,
    /// because the body is HTML.
    private static let foreignOrigin =
        "Forbidden: the origin of this page is not allowed. Add it to cors.origin in the server's configuration, or serve the page from the server's own origin."

    private static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    private func malformed(_ message: String, headers: [(String, String)] = []) -> Verdict {
        server.refused("bad_request", message, from: request.remoteAddress)
        return .refused(message: message, headers: headers)
    }

    private func refused(_ error: HandshakeError, message: String? = nil) -> Verdict {
        server.refused(error.reason, message ?? error.message, from: request.remoteAddress)
        loop.counters.refusedHandshakes[error.rawValue] += 1
        return .refused(status: error == .overloaded ? error.status : 400, message: message ?? error.message)
    }

    private func purpose() -> Result<Purpose, HandshakeError> {
        guard request.endpoint.kind != .webSocketEcho else { return .success(.echo) }
        let table = loop.tables[request.endpoint.index]
        let verdict = Handshake.verify(
            request.parameters, isGet: request.head.method == .get, isUpgrade: true, options: request.endpoint.options
        ) { table[$0]?.transport }
        switch verdict {
        case .refused(let error): return .failure(error)
        case .open(let transport):
            guard transport == .websocket else { return .success(.nothing) }
            return .success(.open(request.head.handshakeRequest(from: request.remoteAddress, over: .websocket)))
        case .session(let id):
            guard request.head.method == .get else { return .failure(.badMethod) }
            guard let session = table[id], request.parameters.transport == .websocket else { return .success(.nothing) }
            return .success(.upgrade(session))
        }
    }

    /// The limit of offered subprotocols, because each is compared with all others.
    static let maxSubprotocols = 32

    /// The first offered subprotocol. The server implements none, but clients that offer some expect one of them in the
    /// answer. nil: the header is not a list of distinct tokens, or too long.
    private static func firstSubprotocol(_ header: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var names: [UnsafeRawBufferPointer] = []
        for name in HTTPListParts(header, separatedBy: UInt8(ascii: ",")) {
            guard names.count < maxSubprotocols, HTTPSyntax.isToken(name),
                !names.contains(where: { name.isEqual(to: $0) })
            else { return nil }
            names.append(name)
        }
        return names.first
    }
}

/// `Sec-WebSocket-Accept` for a client's `Sec-WebSocket-Key` (RFC 6455 section 4.2.2).
enum WebSocketAcceptKey {
    private static let guid: StaticString = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    private static let keyLength = 24
    private static let digestLength = 20

    /// Fetched once: with `EVP_sha1()`, OpenSSL looks up an implementation by name on every use, which takes longer
    /// than the hashing. `nonisolated(unsafe)`: immutable, and its reference count is atomic.
    nonisolated(unsafe) private static let sha1: OpaquePointer = {
        guard let sha1 = EVP_MD_fetch(nil, "SHA1", nil) else {
            preconditionFailure("OpenSSL has no SHA-1, without which there are no WebSockets")
        }
        return sha1
    }()

    /// Base64 of the SHA-1 of key and GUID. `key` must satisfy ``isKey(_:)``.
    static func value(for key: UnsafeRawBufferPointer) -> String {
        var digest: InlineArray<20, UInt8> = .init(repeating: 0)
        withUnsafeTemporaryAllocation(byteCount: keyLength + guid.utf8CodeUnitCount, alignment: 1) { text in
            text.copyMemory(from: key)
            UnsafeMutableRawBufferPointer(rebasing: text[keyLength...])
                .copyMemory(from: UnsafeRawBufferPointer(start: guid.utf8Start, count: guid.utf8CodeUnitCount))
            var span = digest.mutableSpan
            span.withUnsafeMutableBufferPointer { digest in
                let code = EVP_Digest(text.baseAddress, text.count, digest.baseAddress, nil, sha1, nil)
                precondition(code == 1, "OpenSSL could not hash \(text.count) bytes")
            }
        }
        return String(unsafeUninitializedCapacity: Base64.encodedCount(digestLength)) { encoded in
            let span = digest.span
            span.withUnsafeBytes { digest in
                Base64.encode(
                    UnsafeRawBufferPointer(rebasing: digest[..<digestLength]),
                    to: UnsafeMutableRawPointer(encoded.baseAddress!))
            }
            return Base64.encodedCount(digestLength)
        }
    }

    /// Whether these are 16 bytes in base64: 22 digits and two `=`.
    static func isKey(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count == keyLength && bytes.suffix(2).allSatisfy { $0 == 0x3D }
            && bytes.dropLast(2).allSatisfy(Base64.isDigit)
    }
}
