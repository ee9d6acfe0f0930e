/// A connection as its loop sees it when the server stops. [loop]
protocol LoopConnection: AnyObject {
    /// Ends what it is doing once its output is written, and takes no new request.
    func drain()
    /// Ends at once.
    func abort()
}
