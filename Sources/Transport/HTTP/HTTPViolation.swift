/// Why something is no request.
enum HTTPViolation: Error, Equatable {
    /// 400.
    case malformed
    /// 431: the request line, the header fields or their number are over a limit.
    case tooLarge
}
