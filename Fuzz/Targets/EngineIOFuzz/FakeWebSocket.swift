import EngineIO
import FuzzSupport

/// A WebSocket connection that checks the messages it must send. The script sets how many bytes it buffers.
final class FakeWebSocket: WebSocketOutput {
    private unowned let peer: Peer
    private(set) var isClosed = false
    var bufferedBytes = 0

    init(_ peer: Peer) {
        self.peer = peer
    }

    var canSendNow: Bool { !isClosed && bufferedBytes == 0 }

    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        require(!isClosed, "nothing is sent over a closed connection")
        withExactCopy(of: [UInt8](repeating: 0, count: count)) { message in
            fill(message)
            peer.heard(kind, message)
        }
    }

    func send(_ message: SharedMessage) {
        require(!isClosed, "nothing is sent over a closed connection")
        for part in message.parts {
            message.withPart(part) { content in withExactCopy(of: content) { peer.heard(part.kind, $0) } }
        }
    }

    func close() {
        isClosed = true
    }

    func vanish() {
        isClosed = true
    }
}
