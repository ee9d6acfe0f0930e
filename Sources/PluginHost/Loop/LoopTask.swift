import SocketIO

/// Work on a loop that is more than one packet for one socket.
final class LoopTask: Sendable {
    let run: @Sendable (LoopContext) -> Void

    init(_ run: @escaping @Sendable (LoopContext) -> Void) {
        self.run = run
    }
}
