import CJackfield
import Transport

/// `jf.http/1`.
enum HTTPInterface {
    static var table: jf_http_api {
        jf_http_api(
            struct_size: UInt32(MemoryLayout<jf_http_api>.size), revision: 1,
            respond: { host, token, response in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard let head = plugin.head("respond", response) else { return JF_E_INVALID }
                guard let reply = plugin.takeReply(token) else { return JF_E_GONE }
                return reply.respond(head.status, head.fields, head.body) ? JF_OK : JF_E_GONE
            },
            problem: { host, token, status, code, detail in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard (400...599).contains(status) else { return plugin.invalid("problem", "status is \(status), not 400 to 599") }
                guard let reply = plugin.takeReply(token) else { return JF_E_GONE }
                return reply.problem(Int(status), code: code.string, detail: detail.string) ? JF_OK : JF_E_GONE
            },
            stream: { host, token, response, stream in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard let stream else { return plugin.invalid("stream", "stream is NULL") }
                stream.pointee = 0
                guard let head = plugin.head("stream", response) else { return JF_E_INVALID }
                guard plugin.streams.hasRoom else { return JF_E_LIMIT }
                guard let reply = plugin.takeReply(token), let open = reply.stream(head.status, head.fields) else { return JF_E_GONE }
                let handle = plugin.streams.add(open)
                stream.pointee = handle
                // A plugin that forgets a stream whose reader left costs no memory for it.
                reply.onGone { plugin.streams.remove(handle) }
                if !head.body.isEmpty { _ = open.write(Array(head.body)) }
                return JF_OK
            },
            write: { host, stream, piece in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard let open = plugin.streams[stream] else { return JF_E_GONE }
                switch open.write(Array(piece.bytes)) {
                case .accepted: return JF_OK
                case .full: return JF_E_LIMIT
                case .gone:
                    plugin.streams.remove(stream)
                    return JF_E_GONE
                }
            },
            end: { host, stream in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard let open = plugin.streams.remove(stream) else { return JF_E_GONE }
                open.end()
                return JF_OK
            })
    }

    /// Headers of one response; the header promises this number.
    static let mostHeaders: UInt32 = 64
    /// These are the transport's.
    static let ownHeaders: [StaticString] = ["content-length", "connection", "transfer-encoding", "keep-alive", "upgrade", "date"]
    /// What most responses say.
    static let json = HTTPFields([("Content-Type", "application/json")])
}

extension Plugin {
    /// A response whose rules are kept.
    fileprivate struct ResponseHead {
        let status: Int
        let fields: HTTPFields
        /// The plugin's, for the call.
        let body: UnsafeRawBufferPointer
    }

    fileprivate func takeReply(_ token: jf_token) -> PluginReply? {
        let isReply: (TokenEntry) -> Bool = { if case .reply = $0 { true } else { false } }
        guard case .reply(let reply)? = tokens.take(Token(token), where: isReply) else { return nil }
        return reply
    }

    /// Reads a response; `nil` after a log line if it breaks a rule.
    fileprivate func head(_ function: String, _ response: UnsafePointer<jf_response>?) -> ResponseHead? {
        func refuse(_ problem: String) -> ResponseHead? {
            _ = invalid(function, problem)
            return nil
        }
        guard let raw = response?.pointee else { return refuse("response is NULL") }
        guard raw.struct_size == 0 || raw.struct_size >= MemoryLayout<jf_response>.size else {
            return refuse("response->struct_size is \(raw.struct_size), less than \(MemoryLayout<jf_response>.size)")
        }
        guard (200...599).contains(raw.status) else { return refuse("response->status is \(raw.status), not 200 to 599") }
        guard raw.header_count <= HTTPInterface.mostHeaders else {
            return refuse("response->header_count is \(raw.header_count), more than \(HTTPInterface.mostHeaders)")
        }
        var type = raw.content_type.bytes
        guard HTTPSyntax.isFieldValue(type) else { return refuse("response->content_type holds control characters") }
        guard raw.header_count == 0 || raw.headers != nil else { return refuse("response->headers is NULL, and header_count \(raw.header_count)") }
        var others = HTTPFields()
        for (index, header) in UnsafeBufferPointer(start: raw.headers, count: Int(raw.header_count)).enumerated() {
            let (name, value) = (header.name.bytes, header.value.bytes)
            guard HTTPSyntax.isToken(name) else { return refuse("header \(index + 1): '\(header.name.string)' is no header name") }
            guard HTTPSyntax.isFieldValue(value) else { return refuse("header '\(header.name.string)': the value holds control characters") }
            guard !HTTPInterface.ownHeaders.contains(where: name.isEqual(ignoringCase:)) else {
                return refuse("header '\(header.name.string)' is the host's; leave it out")
            }
            if name.isEqual(ignoringCase: "content-type") { type = value } else { others.add(name, value) }
        }
        var fields = type.isEmpty ? HTTPInterface.json : HTTPFields(contentType: type)
        if raw.header_count > 0 { fields.add(others) }
        return ResponseHead(status: Int(raw.status), fields: fields, body: raw.body.bytes)
    }
}
