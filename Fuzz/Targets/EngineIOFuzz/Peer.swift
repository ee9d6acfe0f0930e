import FuzzSupport

@testable import EngineIO

/// One session from both sides: what the server sent and the client has heard of it, and what the receiver was told.
final class Peer: SessionReceiver {
    weak var session: Session?
    private(set) var isClosed = false
    var polls: [FakePoll] = []
    var webSockets: [FakeWebSocket] = []
    /// The POST whose body is under way.
    var post: Posted?

    /// Numbers of the messages that were sent and have to arrive in this order; volatile ones may be missing.
    private var sent: [Message] = []
    private var nextToHear = 0

    final class Posted {}

    private struct Message {
        var kind: MessageKind
        var content: [UInt8]
        var mayBeMissing: Bool
    }

    // MARK: - Server to client

    /// Books a message, and returns what to send: `content` with a number of its own, so that
    /// no two messages are alike.
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
        case .malformed: require(false, "what is sent is a packet")
        }
    }

    private func arrived(_ kind: MessageKind, _ content: [UInt8]) {
        while nextToHear < sent.count {
            let message = sent[nextToHear]
            nextToHear += 1
            if message.kind == kind, message.content == content { return }
            require(message.mayBeMissing, "messages arrive in order, each once and as it was sent")
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
        require(!isClosed, "a receiver is told of the end once")
        isClosed = true
        // What receivers are likely to do on their way out; none of it may have an effect.
        session?.send(textCount: 1, compress: false) { _ in
            require(false, "nothing is encoded for a session that is over")
        }
        session?.close(.forcedClose)
    }

    /// The application: what it does from within a call is up to the client.
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
        // It is the receiver's to write to.
        for index in message.indices { message[index] = 0xEE }
    }
}
