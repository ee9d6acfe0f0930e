import EngineIO
import SocketIO

/// Something a server serves besides plain HTTP. One object for all its connections, which is what a connection can afford to hold.
final class Endpoint: Sendable {
    enum Kind: Sendable {
        /// Engine.IO, with Socket.IO on top.
        case socketIO
        /// Engine.IO, with an echo on top.
        case engineEcho
        /// A WebSocket without Engine.IO, echoed.
        case webSocketEcho
    }

    let kind: Kind
    /// Where its sessions stand in ``Loop/tables``.
    let index: Int
    /// Ends with a slash.
    private let prefix: [UInt8]
    let options: EngineOptions
    /// How long an ended WebSocket may take to hear that it has ended; ms.
    let lingerTimeout: Int64
    /// How long a client may take to answer the close frame; ms.
    let closeFrameTimeout: Int64
    /// The largest message of a session that has joined no namespace; bytes.
    let maxBeforeJoining: Int

    init(kind: Kind, index: Int, prefix: String, options: EngineOptions, lingerTimeout: Int64, closeFrameTimeout: Int64, maxBeforeJoining: Int) {
        self.kind = kind
        self.index = index
        self.prefix = Array(prefix.utf8)
        self.options = options
        self.lingerTimeout = lingerTimeout
        self.closeFrameTimeout = closeFrameTimeout
        self.maxBeforeJoining = maxBeforeJoining
    }

    /// Whether a request for `path` is meant for it.
    func serves(_ path: UnsafeRawBufferPointer) -> Bool {
        prefix.withUnsafeBytes { prefix in
            if path.begins(with: prefix) { return true }
            // The test suites write their endpoints without the final slash.
            return kind != .socketIO && path.count == prefix.count - 1 && prefix.begins(with: path)
        }
    }

    /// [loop] Gives a new session to whoever lives above.
    func accept(_ session: Session, on loop: Loop) {
        switch kind {
        case .socketIO: loop.shard.open(session)
        case .engineEcho:
            session.receiver = EchoReceiver(session)
            // There is nothing to join.
            session.joined()
        case .webSocketEcho: break
        }
    }
}
