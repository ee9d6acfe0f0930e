/// A connection as its loop sees it when the server stops, and when memory runs short. [loop]
protocol LoopConnection: AnyObject {
    /// Ends what it is doing once its output is written, and takes no new request.
    func drain()
    /// Ends at once.
    func abort()
    /// Counted up: the higher, the younger.
    var serial: UInt64 { get }
    /// Nobody has let its client in: it showed no token, and is in no namespace.
    var isUnauthenticated: Bool { get }
    /// Input that is not complete, and output that waits; bytes.
    var heldBytes: Int { get }
    /// Output that waits; bytes.
    var waitingBytes: Int { get }
}
