/// An error that the client is told. Throw it from any handler: an ack gets `{"error":{"code","message"}}`, an HTTP
/// request `application/problem+json` with the status.
///
/// Of other errors the client learns only that something failed; the log has the rest. Two are translated: what
/// decoding finds wrong becomes 400 `invalid_arguments` and names the member, a full queue becomes 503 `overloaded`.
public struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
    /// HTTP status, 400 to 599. Acks do not show it.
    public let status: Int

    /// For programs, in lower case with underscores: `not_found`.
    public let code: String

    /// For people: what was wrong, where, and what to do.
    public let message: String

    public init(_ status: Int, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    public static func invalid(_ message: String) -> Problem { Problem(400, "invalid_arguments", message) }
    public static func notFound(_ message: String) -> Problem { Problem(404, "not_found", message) }
    public static func overloaded(_ message: String) -> Problem { Problem(503, "overloaded", message) }
    public static func unavailable(_ message: String) -> Problem { Problem(503, "unavailable", message) }

    /// 507, and `unavailable` in acks.
    public static func insufficientStorage(_ message: String) -> Problem {
        Problem(507, "insufficient_storage", message)
    }

    public var description: String { "\(code): \(message)" }

    /// Acks have no status beside the code, so there a full disk is called what it means for the client.
    var ackCode: String { status == 507 ? "unavailable" : code }

    /// What the client may know of any error.
    init(telling error: any Error) {
        switch error {
        case let problem as Problem:
            self = problem
        case let error as DecodingError:
            self = .invalid(JSON.words(for: error, named: "the value"))
        case let error as HostError where error.code == JF_E_LIMIT:
            self = .overloaded("the server is at a limit; try again later")
        default:
            self = Problem(500, "internal", "the request failed inside the plugin; its log says why")
        }
    }

    /// 500s are the plugin's own fault: these belong in its log.
    var isInternal: Bool { status == 500 }

    /// What the operator may know: everything.
    static func words(for error: any Error) -> String {
        if let problem = error as? Problem { return problem.message }
        return "\(error)"
    }
}
