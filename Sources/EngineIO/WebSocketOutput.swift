/// A WebSocket connection as a session sees it; Transport's half. [loop]
///
/// Nothing here calls back into the session before it returns: a connection that breaks is reported later, by
/// ``Session/webSocketGone(_:)``.
public protocol WebSocketOutput: AnyObject {
    /// Whether what is sent now goes to the network now: nothing waits for a slow reader.
    var canTakeNow: Bool { get }
    /// Bytes sent and not yet taken by the kernel.
    var bufferedBytes: Int { get }
    /// Appends one message of exactly `count` bytes, which `fill` writes in place. Goes out at the end of the loop's tick.
    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void)
    /// Appends all frames of `message`.
    func send(_ message: SharedMessage)
    /// What was sent goes out now, and what follows some milliseconds later: the peer finds the two in reads of their own.
    func separate()
    /// A close frame after everything sent, and the end of the connection when the peer has answered it.
    func close()
    /// Drops the connection, with what it has not been sent yet: its reader is too slow to be told anything.
    func abort()
}

extension WebSocketOutput {
    public func separate() {}

    public func abort() { close() }
}
