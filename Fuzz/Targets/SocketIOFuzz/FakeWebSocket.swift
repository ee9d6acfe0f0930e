import EngineIO
import FuzzSupport
import RawJSON

@testable import SocketIO

/// A connection that reads messages as a client does: packets, each with the attachments that it announces.
final class FakeWebSocket: WebSocketOutput {
    private(set) var isClosed = false
    /// The number of attachments of the last packet that have not come yet.
    private var due = 0
    /// `pid` of the last CONNECT, and the offset of the last event, with which a client recovers its session.
    private(set) var privateID: String?
    private(set) var offset: String?
    var bufferedBytes = 0

    var canSendNow: Bool { !isClosed && bufferedBytes == 0 }

    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        require(!isClosed, "nothing is sent over a closed connection")
        withExactCopy(of: [UInt8](repeating: 0, count: count)) { message in
            fill(message)
            heard(kind, Array(message))
        }
    }

    func send(_ message: SharedMessage) {
        require(!isClosed, "nothing is sent over a closed connection")
        for part in message.parts { message.withPart(part) { heard(part.kind, Array($0)) } }
    }

    func close() {
        isClosed = true
    }

    private func heard(_ kind: MessageKind, _ message: [UInt8]) {
        guard kind == .text else {
            require(due > 0, "an attachment belongs to a packet")
            due -= 1
            return
        }
        require(due == 0, "a packet waits for its attachments")
        require(String(validating: message, as: UTF8.self) != nil, "text is UTF-8")
        guard message.first == UInt8(ascii: "4") else { return }
        let text = Array(message.dropFirst())
        let packet = ParserRules.check(text)
        guard let packet, packet.kind != .connectError || text.first == UInt8(ascii: "4") else {
            return require(false, "the server sends well-formed packets: \(String(decoding: text, as: UTF8.self))")
        }
        due = packet.attachments
        remember(packet, text)
    }

    private func remember(_ packet: SocketPacket, _ text: [UInt8]) {
        guard let payload = try? JSONValue(parsing: Array(text[packet.payload])) else { return }
        privateID = payload["pid"]?.string?.text ?? privateID
        if packet.kind == .event { offset = payload.array?.last?.string?.text ?? offset }
    }
}
