/// Who gets a session's messages: the Socket.IO client, or an echo. Everything is called on the session's event loop.
public protocol SessionReceiver: AnyObject {
    /// A text message, its leading `4` taken off. Valid UTF-8. Valid for the call, and writable: it is the receive buffer itself.
    func received(text: UnsafeMutableRawBufferPointer)
    /// A binary message. Valid for the call, and writable.
    func received(binary: UnsafeMutableRawBufferPointer)
    /// The session is over. Exactly once, last, and on the spot: also from within ``Session/close(_:)`` and ``Session/abort(_:)``,
    /// so a receiver may find itself closed when such a call returns. Never from within a `send`.
    func closed(_ reason: CloseReason)
}
