import EngineIO

/// A connection that records what was sent to it: text without the Engine.IO `4`, binary as `<00ff>`.
final class FakeWebSocket: WebSocketOutput {
    private(set) var received: [String] = []
    /// Number of messages in `received` when `flushSeparately()` was called.
    private(set) var separated = 0
    private(set) var isClosed = false
    var canSendNow = true
    var bufferedBytes = 0

    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        var bytes = [UInt8](repeating: 0xEE, count: count)
        bytes.withUnsafeMutableBytes { fill($0) }
        record(kind, bytes)
    }

    func send(_ message: SharedMessage) {
        for part in message.parts { message.withPart(part) { record(part.kind, Array($0)) } }
    }

    func flushSeparately() {
        separated = received.count
    }

    func close() {
        isClosed = true
        received.append("closed")
    }

    /// The messages since the last call.
    func drain() -> [String] {
        defer { received = [] }
        return received
    }

    private func record(_ kind: MessageKind, _ bytes: [UInt8]) {
        switch kind {
        case .text:
            let text = String(decoding: bytes, as: UTF8.self)
            received.append(text.hasPrefix("4") ? String(text.dropFirst()) : text)
        case .binary:
            received.append("<" + bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + ">")
        }
    }
}
