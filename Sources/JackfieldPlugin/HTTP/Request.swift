/// An HTTP request to a declared route. It points to the host's memory, which is valid until the handler returns; the
/// compiler does not let it leave the handler. To answer later, call ``keep()`` and return ``Response/later``.
public struct Request: ~Copyable {
    let raw: UnsafePointer<jf_request>
    let host: JackfieldHost

    /// Where ``keep()`` stores the reply, so that the error of a handler that keeps and then throws is still sent.
    let kept: UnsafeMutablePointer<HTTPReply?>

    public var method: String { String(raw.pointee.method) }

    /// As the client sent it, without the query.
    public var path: String { String(raw.pointee.path) }

    /// The user of the token; throws ``Problem`` 401 `unauthenticated` if there is none.
    public var user: String {
        get throws(Problem) {
            guard let user = String.unlessEmpty(raw.pointee.user) else {
                throw Problem(
                    401, "unauthenticated", "\(method) \(path) needs a user; send a token: Authorization: Bearer …")
            }
            return user
        }
    }

    /// The claims of the token, a JSON object; `{}` if there is no token.
    public var claims: JSON { JSON(unchecked: Array(UnsafeRawBufferPointer(raw.pointee.claims))) }

    /// The IP address of the peer, without port.
    public var address: String { String(raw.pointee.address) }

    /// The `{name}` of the declared path, percent-decoded; "" if the path declares no such name.
    public func parameter(_ name: String) -> String {
        Pairs(raw.pointee.params, raw.pointee.param_count).value(of: name) ?? ""
    }

    /// The first query parameter of this name, percent-decoded.
    public func query(_ name: String) -> String? { Pairs(raw.pointee.query, raw.pointee.query_count).value(of: name) }

    /// A query parameter that is a whole number, `fallback` if there is none; throws ``Problem`` 400 if it is no number
    /// of the range.
    public func query(_ name: String, in range: ClosedRange<Int>, default fallback: Int) throws(Problem) -> Int {
        guard let text = query(name) else { return fallback }
        guard let number = Int(text), range.contains(number) else {
            throw .invalid(
                "query parameter '\(name)' must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// The first header of this name, in any case.
    public func header(_ name: String) -> String? { Pairs(raw.pointee.headers, raw.pointee.header_count).header(name) }

    public var body: [UInt8] { Array(UnsafeRawBufferPointer(raw.pointee.body)) }

    /// Decodes the body as a type of your own. Throws ``Problem`` 400 `invalid_arguments`, which names the place:
    /// `body.title is missing`.
    public func decode<T: Decodable>(_ type: T.Type = T.self) throws -> T {
        try JSON.decode(type, from: UnsafeRawBufferPointer(raw.pointee.body), named: "body", attachments: [])
    }

    /// Returns a reply that any thread may complete later, once; return ``Response/later`` from the handler. Throws
    /// ``HostError`` with `JF_E_LIMIT` if the plugin keeps 65,536 already.
    public func keep() throws -> HTTPReply {
        var token: jf_token = 0
        try host.check(host.tokens.keep?(host.pointer, raw.pointee.reply, &token), "tokens.keep")
        let reply = HTTPReply(host: host, token: token)
        kept.pointee = reply
        return reply
    }

    /// Begins a response whose body comes in pieces; return ``Response/later`` from the handler.
    public func stream(
        status: Int = 200, contentType: String = "text/event-stream", headers: [(name: String, value: String)] = []
    ) throws(HostError) -> ResponseStream {
        let head = Response(status: status, contentType: contentType, headers: headers, body: [])
        return try host.stream(head, to: raw.pointee.reply)
    }
}

/// An HTTP response that is sent later, once, from any thread. If it is released unanswered, the client gets 500.
public final class HTTPReply: Sendable {
    private let host: JackfieldHost
    private let token: jf_token

    init(host: JackfieldHost, token: jf_token) {
        self.host = host
        self.token = token
    }

    deinit { _ = host.tokens.drop?(host.pointer, token) }

    /// Whether the client still waits. Check it before long work.
    public var isAwaited: Bool { host.isAwaited(token) }

    /// Sends the response. That the client has disconnected is no error.
    public func send(_ response: Response) {
        do {
            try host.respond(response, to: token)
        } catch {
            host.log.error("\(error)")
        }
    }

    /// Responds with `application/problem+json`. An internal error is logged, and the client gets a general message;
    /// see ``Problem``.
    public func fail(_ error: any Error) {
        let problem = Problem(telling: error)
        if problem.isInternal { host.log.error("\(error)") }
        send(.problem(problem))
    }

    /// Begins a response whose body comes in pieces.
    public func stream(
        status: Int = 200, contentType: String = "text/event-stream", headers: [(name: String, value: String)] = []
    ) throws(HostError) -> ResponseStream {
        try host.stream(Response(status: status, contentType: contentType, headers: headers, body: []), to: token)
    }
}
