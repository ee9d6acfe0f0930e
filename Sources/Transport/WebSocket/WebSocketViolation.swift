/// A rule of WebSocket that the client broke; the connection ends with ``code``.
package enum WebSocketViolation: Error, Equatable {
    case reservedBits
    case reservedOpcode
    case fragmentedControlFrame
    case badControlLength
    case unmasked
    /// A continuation of nothing.
    case unexpectedContinuation
    /// A new message before the last was finished.
    case interruptedMessage
    case badCloseCode
    case invalidUTF8
    /// Compressed data that does not inflate.
    case badCompression
    case tooLarge

    /// The close code the reference answers with.
    var code: UInt16 {
        switch self {
        case .invalidUTF8, .badCompression: 1007
        case .tooLarge: 1009
        default: 1002
        }
    }
}
