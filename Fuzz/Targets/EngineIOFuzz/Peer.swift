import FuzzSupport

@testable import EngineIO

/// Both sides of one session: the messages that the server sent, those that the client received, and the calls of the
/// receiver.
final class Peer: SessionReceiver {
    weak var session: Session?
    private(set) var isClosed = false
    var polls: [FakePoll] = []
    var webSockets: [FakeWebSocket] = []
    /// The POST whose body is being received.
    var post: Posted?

    /// The messages that were sent. They must arrive in this order; volatile ones may be missing.
    private var sent: [Message] = []
    private var nextToHear = 0

    final class Posted {}

    private struct Message {
        var kind: MessageKind
        var content: [UInt8]
        var mayBeMissing: Bool
    }

    // MARK: - Server to client

    /// Records a message and returns its content to send: `content` with a number, so that no two messages are equal.
    func willSend(_ kind: MessageKind, _ content: [UInt8], mayBeMissing: Bool = false) -> [UInt8] {
        let content = content + "#\(sent.count)".utf8
        sent.append(Message(kind: kind, content: content, mayBeMissing: mayBeMissing))
        return content
    }

    func heard(payload: UnsafeMutableRawBufferPointer) {
        var packets = 0
        for packet in payload.split(separator: EnginePacket.separator, omittingEmptySubsequences: false) {
            packets += 1
            withExactCopy(of: packet) { heard(.text, $0) }
        }
        require(packets <= 16, "a payload has at most 16 packets")
    }

    func heard(_ kind: MessageKind, _ bytes: UnsafeMutableRawBufferPointer) {
        guard kind == .text else { return arrived(.binary, Array(bytes)) }
        switch EnginePacket(decoding: bytes) {
        case .binary(let content): arrived(.binary, Array(content))
        case .text(.message, let content): arrived(.text, Array(content))
        case .text: break
        case .malformed: require(false, "the server sends well-formed packets")
        }
    }

    private func arrived(_ kind: MessageKind, _ content: [UInt8]) {
        while nextToHear < sent.count {
            let message = sent[nextToHear]
            nextToHear += 1
            if message.kind == kind, message.content == content { return }
            require(message.mayBeMissing, "messages arrive in order, once and unchanged")
        }
        require(false, "nothing arrives that was not sent")
    }

    // MARK: - Client to server

    func received(text: UnsafeMutableRawBufferPointer) {
        require(!isClosed, "nothing is received after the end")
        react(text)
    }

    func received(binary: UnsafeMutableRawBufferPointer) {
        require(!isClosed, "nothing is received after the end")
        react(binary)
    }

    func closed(_ reason: CloseReason) {
        require(!isClosed, "a receiver's closed() is called once")
        isClosed = true
        // Calls that receivers may make in closed(); they must have no effect.
        session?.send(textCount: 1, compress: false) { _ in
            require(false, "nothing is encoded for a closed session")
        }
        session?.close(.forcedClose)
    }

    /// The application. The client's message selects a call that it makes from within this callback.
    private func react(_ message: UnsafeMutableRawBufferPointer) {
        guard let session else { return }
        switch message.first {
        case UInt8(ascii: "c"): session.close(.forcedClose)
        case UInt8(ascii: "a"): session.abort(.parseError)
        case UInt8(ascii: "e"):
            let echo = willSend(.text, message.filter { $0 != EnginePacket.separator })
            session.send(textCount: echo.count, compress: true) { $0.copyBytes(from: echo) }
        default: break
        }
        // The receiver may overwrite the message.
        for index in message.indices { message[index] = 0xEE }
    }
}
