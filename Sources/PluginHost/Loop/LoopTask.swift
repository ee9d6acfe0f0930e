import SocketIO

/// Work on a loop that is more than one packet for one socket.
final class LoopTask: Sendable {
    /// Does it, and returns what remains to be done in pieces.
    let run: @Sendable (LoopContext) -> LoopWork?

    init(_ run: @escaping @Sendable (LoopContext) -> LoopWork?) {
        self.run = run
    }
}
