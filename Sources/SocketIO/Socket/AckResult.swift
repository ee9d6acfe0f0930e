/// How waiting for a client's ack ended.
public enum AckResult {
    /// The client's arguments, a JSON array with placeholders for the attachments; pointers valid during the call only.
    case answered(args: UnsafeRawBufferPointer, attachments: UnsafeBufferPointer<UnsafeRawBufferPointer>)
    case timedOut
    /// The socket is gone; no answer will come.
    case disconnected
}
