import EngineIO
import Support

@testable import PluginHost

/// A connection that records what is sent to it: text without the Engine.IO `4`, binary as `<n bytes>`. May be used on
/// any thread.
///
/// `@unchecked Sendable`: everything is used under `monitor`.
final class FakeWebSocket: WebSocketOutput, @unchecked Sendable {
    private let monitor = Monitor()
    private var heard: [String] = []
    private var next = 0

    var canSendNow: Bool { true }
    var bufferedBytes: Int { 0 }

    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        var bytes = [UInt8](repeating: 0, count: count)
        bytes.withUnsafeMutableBytes { fill($0) }
        record(kind, bytes)
    }

    func send(_ message: SharedMessage) {
        for part in message.parts { message.withPart(part) { record(part.kind, Array($0)) } }
    }

    func close() { add("closed") }

    /// The next recorded message; waits for it up to `milliseconds`.
    func hear(within milliseconds: Int = 5_000) -> String? {
        let deadline = Clock.monotonicNanoseconds + Int64(milliseconds) * 1_000_000
        return monitor.withLock {
            while next == heard.count, Clock.monotonicNanoseconds < deadline { monitor.wait(until: deadline) }
            guard next < heard.count else { return nil }
            next += 1
            return heard[next - 1]
        }
    }

    private func record(_ kind: MessageKind, _ bytes: [UInt8]) {
        switch kind {
        case .text:
            let text = String(decoding: bytes, as: UTF8.self)
            add(text.hasPrefix("4") ? String(text.dropFirst()) : text)
        case .binary: add("<\(bytes.count) bytes>")
        }
    }

    private func add(_ text: String) {
        monitor.withLock {
            heard.append(text)
            monitor.broadcast()
        }
    }
}
