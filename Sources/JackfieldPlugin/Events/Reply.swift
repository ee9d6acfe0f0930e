/// An ack that is answered later, once, from any thread. If it goes away unanswered, so does the ack: the client's own timeout
/// tells him.
public final class Reply: Sendable {
    private let host: JackfieldHost
    private let token: jf_token

    init(host: JackfieldHost, token: jf_token) {
        self.host = host
        self.token = token
    }

    /// Answering a reply that was answered is harmless: the host says that it is gone.
    deinit {
        if token != 0 { _ = host.tokens.drop?(host.pointer, token) }
    }

    /// Whether somebody still waits: worth asking before long work.
    public var isAwaited: Bool { token != 0 && host.isAwaited(token) }

    /// Answers. Returns false if nobody waits any more.
    @discardableResult
    public func send(_ arguments: any Encodable...) throws -> Bool {
        guard token != 0 else { return false }
        return try host.ack(token, EventArguments(arguments))
    }

    /// Answers `{"error":{"code":…,"message":…}}`. What is no ``Problem`` is logged, and the client learns only that it failed.
    public func fail(_ error: any Error) {
        let problem = Problem(telling: error)
        if problem.isInternal { host.log.error("\(error)") }
        fail(problem)
    }

    func fail(_ problem: Problem) { host.fail(token, problem) }
}
