/// An error whose code and message the client gets. Throw it from any handler: an ack gets
/// `{"error":{"code","message"}}`, an HTTP request `application/problem+json` with the status.
///
/// For other errors the client gets 500 `internal` with a general message, and the log the details. Two are translated:
/// a `DecodingError` becomes 400 `invalid_arguments` and names the member; a ``HostError`` with `JF_E_LIMIT` becomes
/// 503 `overloaded`. For a ``ServiceError`` see there.
public struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
    /// HTTP status, 400 to 599. Acks do not show it.
    public let status: Int

    /// Identifies the error for programs; lower case with underscores: `not_found`.
    public let code: String

    /// Says to people what was wrong, where, and what to do.
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

    /// The code in an ack. Acks have no status, so 507 (the disk is full) becomes `unavailable`.
    var ackCode: String { status == 507 ? "unavailable" : code }

    /// What a client may learn about any error.
    init(telling error: any Error) {
        switch error {
        case let problem as Problem:
            self = problem
        case let error as DecodingError:
            self = .invalid(JSON.words(for: error, named: "the value"))
        case let error as ServiceError where error.code == JF_E_UNAVAILABLE || error.code == JF_E_TIMEOUT:
            self = .unavailable("a service that the server needs does not answer now; try again later")
        case let error as ServiceError where error.code == JF_E_LIMIT:
            self = .overloaded("the server is at a limit; try again later")
        case let error as HostError where error.code == JF_E_LIMIT:
            self = .overloaded("the server is at a limit; try again later")
        default:
            self = Problem(500, "internal", "the request failed inside the plugin; its log says why")
        }
    }

    /// A 500 is a fault of the plugin: its handler logs the error.
    var isInternal: Bool { status == 500 }

    /// The whole text of an error, for the operator.
    static func words(for error: any Error) -> String {
        if let problem = error as? Problem { return problem.message }
        return "\(error)"
    }
}
