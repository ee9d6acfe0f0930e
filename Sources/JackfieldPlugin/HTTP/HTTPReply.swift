/// An HTTP response that is given later, once, from any thread. If it goes away unanswered, the client gets 500.
public final class HTTPReply: Sendable {
    private let host: JackfieldHost
    private let token: jf_token

    init(host: JackfieldHost, token: jf_token) {
        self.host = host
        self.token = token
    }

    deinit { _ = host.tokens.drop?(host.pointer, token) }

    /// Whether the client is still there: worth asking before long work.
    public var isAwaited: Bool { host.isAwaited(token) }

    /// Responds. A client that has gone meanwhile is no error.
    public func send(_ response: Response) {
        do {
            try host.respond(response, to: token)
        } catch {
            host.log.error("\(error)")
        }
    }

    /// Responds with `application/problem+json`. What is no ``Problem`` is logged, and the client learns only that it failed.
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
