import EngineIO

/// A connection whose frames are written into one buffer, as Transport does. When the buffer is full, it is reused from
/// the start.
final class MemoryWebSocket: WebSocketOutput {
    private static let capacity = 1 << 16
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: MemoryWebSocket.capacity, alignment: 16)
    private var used = 0
    /// The number of messages sent since the start.
    private(set) var messages = 0

    var canSendNow: Bool { true }
    var bufferedBytes: Int { 0 }

    deinit { buffer.deallocate() }

    func send(_ kind: MessageKind, count: Int, compress: Bool, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let header = WebSocketHeader.size(for: count)
        reserve(header + count)
        used += WebSocketHeader.write(
            first: kind == .text ? WebSocketHeader.text : WebSocketHeader.binary, count: count,
            to: buffer.baseAddress! + used)
        fill(UnsafeMutableRawBufferPointer(rebasing: buffer[used..<used + count]))
        used += count
        messages &+= 1
    }

    func send(_ message: SharedMessage) {
        reserve(message.frames.count)
        UnsafeMutableRawBufferPointer(rebasing: buffer[used...]).copyMemory(from: message.frames)
        used += message.frames.count
        messages &+= 1
    }

    func close() {}

    private func reserve(_ count: Int) {
        precondition(count <= Self.capacity, "a benchmark's message has \(count) bytes, more than the buffer")
        if used + count > Self.capacity { used = 0 }
    }
}
