/// Endpoints for the official test suites, over the same code as the real ones.
public struct ConformanceOptions: Sendable, Equatable {
    /// Path of a raw Engine.IO echo: every message back with its own type.
    public var engineEcho: String?
    /// Path of a raw WebSocket echo.
    public var webSocketEcho: String?
    /// The largest message of the WebSocket echo; bytes.
    public var maxMessage = 16_777_216

    public init() {}
}
