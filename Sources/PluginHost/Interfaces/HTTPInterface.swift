import CJackfield
import Transport

/// `jf.http/1`.
enum HTTPInterface {
    static var table: jf_http_api {
        jf_http_api(
            struct_size: UInt32(MemoryLayout<jf_http_api>.size), revision: 1,
            respond: { host, token, response in
                LoadedPlugin.serve(host, "respond") { (plugin) throws(HostCallError) in
                    let head = try plugin.head(response)
                    return plugin.withReply(token) {
                        if head.status >= 400 { plugin.errors.count(.request) }
                        return $0.respond(head.status, head.fields, head.body) ? JF_OK : JF_E_GONE
                    }
                }
            },
            problem: { host, token, status, code, detail in
                LoadedPlugin.serve(host, "problem") { (plugin) throws(HostCallError) in
                    guard (400...599).contains(status) else { throw .invalid("status is \(status), not 400 to 599") }
                    let codeBytes = try LoadedPlugin.bytes(code, "code", limit: LoadedPlugin.largestError)
                    _ = try LoadedPlugin.bytes(detail, "detail", limit: LoadedPlugin.largestError - codeBytes.count)
                    return plugin.withReply(token) {
                        plugin.errors.count(.request)
                        return $0.problem(Int(status), code: code.string, detail: detail.string) ? JF_OK : JF_E_GONE
                    }
                }
            },
            stream: { host, token, response, watch, stream in
                stream?.pointee = 0
                return LoadedPlugin.serve(host, "stream") { (plugin) throws(HostCallError) in
                    guard let stream else { throw .invalid("stream is NULL") }
                    let head = try plugin.head(response)
                    let watch = try watch.map { (pointer) throws(HostCallError) in try HTTPInterface.read(pointer) }
                    guard plugin.streams.hasCapacity else { return JF_E_LIMIT }
                    return plugin.withReply(token) { plugin.open($0, head, watch, stream) }
                }
            },
            write: { host, stream, piece in
                LoadedPlugin.serve(host, "write") { (plugin) throws(HostCallError) in
                    guard piece.ptr != nil || piece.len == 0 else {
                        throw .invalid("piece is NULL with a length of \(piece.len)")
                    }
                    guard piece.len <= HTTPInterface.largestPiece else {
                        throw .invalid("piece has \(piece.len) bytes, more than \(HTTPInterface.largestPiece)")
                    }
                    guard let open = plugin.streams[stream] else { return JF_E_GONE }
                    switch open.write(Array(piece.bytes)) {
                    case .accepted: return JF_OK
                    case .full: return JF_E_LIMIT
                    case .gone:
                        plugin.streams.remove(stream)?.notifyClosed(JF_E_GONE)
                        return JF_E_GONE
                    }
                }
            },
            finish: { host, stream in
                LoadedPlugin.serve(host, "finish") { (plugin) throws(HostCallError) in
                    guard let open = plugin.streams.remove(stream) else { return JF_E_GONE }
                    open.stream.end()
                    open.notifyClosed(JF_OK)
                    return JF_OK
                }
            },
            watch: { host, stream, watch in
                LoadedPlugin.serve(host, "watch") { (plugin) throws(HostCallError) in
                    let watch = try watch.map { (pointer) throws(HostCallError) in try HTTPInterface.read(pointer) }
                    guard let open = plugin.streams[stream] else { return JF_E_GONE }
                    open.watch(watch)
                    return JF_OK
                }
            })
    }

    private static func read(_ watch: UnsafePointer<jf_stream_callbacks>) throws(HostCallError) -> jf_stream_callbacks {
        let watch = try PluginMemory.read(watch, "watch")
        guard watch.reserved == 0 else { throw .invalid("watch->reserved is \(watch.reserved), not 0") }
        return watch
    }

    /// Most headers of one response; the header promises this number.
    static let mostHeaders: UInt32 = 64
    /// Most bytes of one piece of a stream; the header promises this number.
    static let largestPiece = 1 << 20
    /// Headers that only the transport may set.
    static let ownHeaders: [StaticString] = [
        "content-length", "connection", "transfer-encoding", "keep-alive", "upgrade", "date",
    ]
    /// The default content type.
    static let json = HTTPFields([("Content-Type", "application/json")])
}

extension LoadedPlugin {
    /// The status, headers and body of a response, checked.
    fileprivate struct ResponseHead {
        let status: Int
        let fields: HTTPFields
        /// The plugin's memory, valid for the call.
        let body: UnsafeRawBufferPointer
    }

    /// Completes a request's token: removes it and calls `body` with the reply.
    fileprivate func withReply(_ token: jf_token, _ body: (PluginReply) -> Int32) -> Int32 {
        switch tokens.complete(ReplyToken(token), where: { if case .reply = $0 { true } else { false } }) {
        case .entry(.reply(let reply)): body(reply)
        case .elsewhere: usedElsewhere()
        case .otherKind: invalid("http", "the token is not that of an HTTP request")
        case .entry, .gone: JF_E_GONE
        }
    }

    fileprivate func open(
        _ reply: PluginReply, _ head: ResponseHead, _ watch: jf_stream_callbacks?,
        _ handle: UnsafeMutablePointer<jf_stream>
    ) -> Int32 {
        if head.status >= 400 { errors.count(.request) }
        guard let stream = reply.stream(head.status, head.fields) else { return JF_E_GONE }
        let open = streams.add(stream, watch, of: self)
        handle.pointee = open.handle
        stream.onDrain { [weak open] in open?.drained() }
        if !head.body.isEmpty { _ = stream.write(Array(head.body)) }
        reply.onGone { open.readerGone() }
        return JF_OK
    }

    /// Reads and checks a response.
    fileprivate func head(_ response: UnsafePointer<jf_response>?) throws(HostCallError) -> ResponseHead {
        let raw = try PluginMemory.read(response, "response")
        guard raw.reserved == 0 else { throw .invalid("response->reserved is \(raw.reserved), not 0") }
        guard (200...599).contains(raw.status) else {
            throw .invalid("response->status is \(raw.status), not 200 to 599")
        }
        guard raw.header_count <= HTTPInterface.mostHeaders else {
            throw .invalid("response->header_count is \(raw.header_count), more than \(HTTPInterface.mostHeaders)")
        }
        guard raw.body.ptr != nil || raw.body.len == 0 else {
            throw .invalid("response->body is NULL with a length of \(raw.body.len)")
        }
        let body = raw.body.bytes
        guard body.count <= Self.largestCall else {
            throw HostCallError(
                code: JF_E_LIMIT,
                problem: "response->body has \(body.count) bytes, more than the \(Self.largestCall) of one call")
        }
        var type = try Self.bytes(raw.content_type, "response->content_type", limit: Self.longestHeader)
        guard HTTPSyntax.isFieldValue(type) else { throw .invalid("response->content_type holds control characters") }
        var others = HTTPFields()
        if raw.header_count > 0 {
            guard let headers = raw.headers else {
                throw .invalid("response->headers is NULL, and header_count \(raw.header_count)")
            }
            for index in 0..<Int(raw.header_count) {
                let (name, value) = try Self.header(headers[index], index)
                if name.isEqual(ignoringCase: "content-type") { type = value } else { others.add(name, value) }
            }
        }
        var fields = type.isEmpty ? HTTPInterface.json : HTTPFields(contentType: type)
        if raw.header_count > 0 { fields.add(others) }
        return ResponseHead(status: Int(raw.status), fields: fields, body: body)
    }

    /// Most bytes of a header's name or value; no client reads longer ones.
    private static let longestHeader = 65_536

    private static func header(_ header: jf_pair, _ index: Int) throws(HostCallError) -> (
        name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer
    ) {
        let name = try bytes(header.name, "response->headers[\(index)].name", limit: longestHeader)
        let value = try bytes(header.value, "response->headers[\(index)].value", limit: longestHeader)
        guard HTTPSyntax.isToken(name) else {
            throw .invalid("response->headers[\(index)]: '\(header.name.excerpt)' is no header name")
        }
        guard HTTPSyntax.isFieldValue(value) else {
            throw .invalid(
                "response->headers[\(index)]: the value of '\(header.name.excerpt)' holds control characters")
        }
        guard !HTTPInterface.ownHeaders.contains(where: name.isEqual(ignoringCase:)) else {
            throw .invalid("response->headers[\(index)]: '\(header.name.excerpt)' is the host's; leave it out")
        }
        return (name, value)
    }
}
