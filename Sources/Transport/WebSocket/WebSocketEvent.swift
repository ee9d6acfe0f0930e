import EngineIO

/// What a ``WebSocketFrameParser`` found. Pointers are valid until it is asked for the next.
package enum WebSocketEvent {
    /// Everything given has been read.
    case needsMore
    /// A whole message; text that is not compressed is valid UTF-8.
    case message(MessageKind, UnsafeMutableRawBufferPointer, isCompressed: Bool)
    case ping(UnsafeRawBufferPointer)
    case pong
    /// The payload is the code, if any, and the reason: valid both.
    case close(payload: UnsafeRawBufferPointer)
    case violation(WebSocketViolation)
}
