import EngineIO
import Support
import Synchronization

/// The sessions of lost connections, and the log of events that they may have missed; shared by all shards. [any-thread]
///
/// Every event is given a place in the log, which goes to the client as the last argument and comes back as its `offset`. A client that
/// returns to any shard within ``RecoveryOptions/maxDisconnectionDuration`` gets its session, and what the log holds for it past its
/// offset. What the limits drop is never half restored: a session whose events are gone starts afresh, and is counted.
///
/// Two improvements on the reference, invisible to clients: an event that a session read long ago need not be in the log for the session to
/// return, and a `pid` without an offset returns, too.
public final class RecoveryStore: Sendable {
    /// Runs a job on another shard's loop.
    public typealias Hop = @Sendable (_ shard: Int, _ job: @escaping @Sendable (Shard) -> Void) -> Void

    public let options: RecoveryOptions

    /// How to reach the shard that still holds a session which its client asks for elsewhere. `nil`: then the client starts afresh.
    let hop: Hop?

    private let state: Mutex<RecoveryState>

    public init(options: RecoveryOptions = RecoveryOptions(), hop: Hop? = nil) {
        self.options = options
        self.hop = hop
        self.state = Mutex(RecoveryState(options: options))
    }

    public var statistics: RecoveryStatistics {
        state.withLock { $0.statistics }
    }

    /// Drops what is too old. To be called now and then; every second is plenty.
    ///
    /// - Parameter now: the shards' monotonic time in ms.
    public func expire(now: Int64) {
        state.withLock { $0.expire(now: now) }
    }

    // MARK: - Log

    /// Gives an event its place in the log.
    ///
    /// - Parameter encode: makes the message. Called with the log locked, so that nobody restores past an event that is not there yet.
    func append(
        to selection: Selection, isStored: Bool, _ encode: (RecoveryOffset) -> SharedMessage
    ) -> (message: SharedMessage, sequence: UInt64) {
        state.withLock { $0.append(to: .selection(selection), isStored: isStored, encode) }
    }

    /// The same for an event to one socket.
    func append(
        to socket: SocketID, in namespace: ByteString, isStored: Bool, _ encode: (RecoveryOffset) -> SharedMessage
    ) -> SharedMessage {
        state.withLock { $0.append(to: .socket(socket, namespace: namespace), isStored: isStored, encode).message }
    }

    // MARK: - Sessions

    /// A socket joined; returns the place in the log from which it hears.
    func begin(_ privateID: SocketID, handle: SocketHandle, namespace: ByteString, user: ByteString?) -> UInt64 {
        state.withLock { $0.begin(privateID, handle: handle, namespace: namespace, user: user) }
    }

    /// The socket is gone; its session is kept if there is one to keep.
    func end(_ privateID: SocketID, handle: SocketHandle, keeping session: RecoverySession?) {
        state.withLock { $0.end(privateID, handle: handle, keeping: session) }
    }

    /// Whether ``claim(_:namespace:user:now:)`` is worth trying. False also if the claims of an anonymous session, which no token renews,
    /// had ended at `issued`, in ms since 1970.
    func holds(_ request: RecoveryRequest, namespace: ByteString, user: ByteString?, issued: Int64) -> Bool {
        state.withLock { $0.holds(request, namespace: namespace, user: user, issued: issued) }
    }

    /// Takes a session of `user` out, with what it missed. Whoever takes it and does not use it hands it back with ``giveBack(_:)``.
    func claim(_ request: RecoveryRequest, namespace: ByteString, user: ByteString?, now: Int64) -> RecoveryClaim {
        state.withLock { $0.claim(request, namespace: namespace, user: user, now: now) }
    }

    func giveBack(_ session: RecoverySession) {
        state.withLock { $0.keep(session) }
    }
}
