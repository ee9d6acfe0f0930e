import SocketIO
import Transport

/// An event loop as the plugin host needs it.
public protocol HostLoop: Sendable {
    /// 0…255; the loop index in its sockets' handles.
    var index: Int { get }
    /// [any-thread] Runs `job` on the loop, after what was given to it before by the same thread.
    func execute(_ job: @escaping @Sendable (Shard) -> Void)
    /// [loop] Runs `job` in a later tick: after what this tick wrote is on its way, and the loop has looked at its connections.
    func executeAfterInput(_ job: @escaping @Sendable (Shard) -> Void)
}

extension Loop: HostLoop {}
