@testable import EngineIO

/// A WebSocket that remembers what was sent.
final class FakeWebSocket: WebSocketOutput {
    private(set) var sent: [String] = []
    private(set) var isClosed = false
    var canTakeNow = true
    var bufferedBytes = 0

    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { fill($0) }
        sent.append(kind == .text ? String(decoding: bytes, as: UTF8.self) : "binary \(bytes)")
    }

    func send(_ message: SharedMessage) {
        for part in message.parts {
            message.withPart(part) { payload in
                send(part.kind, count: payload.count, compress: message.compress) { $0.copyMemory(from: payload) }
            }
        }
    }

    func close() { isClosed = true }

    /// What was sent since the last call.
    func drain() -> [String] {
        defer { sent = [] }
        return sent
    }
}
