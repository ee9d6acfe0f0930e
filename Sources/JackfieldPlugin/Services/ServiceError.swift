/// Why a call of a service failed, or why a service cannot be bound. A method throws it to fail its call with a code.
///
/// If a handler of an event does not catch it, the client gets `unavailable` for `JF_E_UNAVAILABLE` and `JF_E_TIMEOUT`,
/// `overloaded` for `JF_E_LIMIT`, and `internal` for the others.
public struct ServiceError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One of `JF_E_*`. The host's own: `JF_E_UNAVAILABLE`, `JF_E_DEADLOCK`, `JF_E_TIMEOUT`, `JF_E_LIMIT`,
    /// `JF_E_STATE`, `JF_E_MISMATCH`, `JF_E_INVALID`, `JF_E_GONE`; a method may return any.
    public let code: Int32

    /// Says to people what was wrong, where, and what to do.
    public let message: String

    /// - Parameter code: one of `JF_E_*`: `ServiceError(JF_E_NOT_FOUND, "there is no room 'a'")`. 0 and positive codes
    ///   become `JF_E_FAILED`.
    public init(_ code: some BinaryInteger, _ message: String) {
        self.code = code < 0 ? Int32(clamping: code) : JF_E_FAILED
        self.message = message
    }

    public var description: String { "\(message) (\(code))" }

    /// What a caller may learn about any error of a method: a ``Problem`` keeps its message, another error does not.
    init(telling error: any Error) {
        switch error {
        case let error as ServiceError: self = error
        case let problem as Problem: self.init(Self.code(of: problem), problem.message)
        case let error as DecodingError: self.init(JF_E_INVALID, JSON.words(for: error, named: "the value"))
        case let error as HostError where error.code == JF_E_LIMIT: self.init(JF_E_LIMIT, "\(error)")
        default: self.init(JF_E_FAILED, "the method failed inside the plugin; its log says why")
        }
    }

    private static func code(of problem: Problem) -> Int32 {
        switch problem.status {
        case 400, 422: JF_E_INVALID
        case 401, 403: JF_E_DENIED
        case 404: JF_E_NOT_FOUND
        case 429: JF_E_LIMIT
        case 503 where problem.code.utf8.elementsEqual("overloaded".utf8): JF_E_LIMIT
        default: JF_E_FAILED
        }
    }

    /// The error of a plugin that the caller must not read in full is logged instead.
    static func isInternal(_ error: any Error) -> Bool {
        if error is ServiceError || error is DecodingError { return false }
        return Problem(telling: error).isInternal
    }
}

/// The `jf_error` of one call.
final class FilledError {
    private var error = jf_error()

    func fill<Result>(_ call: (UnsafeMutablePointer<jf_error>) -> Result) -> Result {
        error.struct_size = UInt32(MemoryLayout<jf_error>.size)
        return call(&error)
    }

    /// Empty if the host said nothing.
    var message: String {
        withUnsafeBytes(of: &error.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
