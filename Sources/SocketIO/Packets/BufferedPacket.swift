/// A packet that outlives the receive buffer it came in: because its attachments are still to come, or because its namespace's CONNECT
/// is not decided yet. Text and attachments are copied into one buffer. A class, for a client has room for one and hardly ever needs it.
final class BufferedPacket {
    let packet: SocketPacket
    private let textCount: Int
    private var storage: [UInt8]
    /// Where in the storage each attachment ends.
    private var ends: [Int] = []

    init(
        _ packet: SocketPacket, text: UnsafeMutableRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0)
    ) {
        self.packet = packet
        self.textCount = text.count
        self.storage = Array(text)
        for attachment in attachments { append(attachment) }
    }

    var byteCount: Int { storage.count }

    var attachmentBytes: Int { storage.count - textCount }

    /// Whether all attachments are there.
    var isComplete: Bool { ends.count == packet.attachments }

    /// Whether every placeholder names one of the attachments.
    var isSound: Bool {
        storage.withUnsafeBytes {
            Placeholders(in: UnsafeRawBufferPointer(rebasing: $0[packet.payload])).areInRange(packet.attachments)
        }
    }

    func append(_ attachment: UnsafeRawBufferPointer) {
        storage.append(contentsOf: attachment)
        ends.append(storage.count)
    }

    /// Calls `body` with text and attachments as they would have been when just received.
    func withPointers(_ body: (UnsafeMutableRawBufferPointer, UnsafeBufferPointer<UnsafeRawBufferPointer>) -> Void) {
        let ends = ends
        let textCount = textCount
        storage.withUnsafeMutableBytes { storage in
            withUnsafeTemporaryAllocation(of: UnsafeRawBufferPointer.self, capacity: ends.count) { attachments in
                var start = textCount
                for (index, end) in ends.enumerated() {
                    attachments.initializeElement(at: index, to: UnsafeRawBufferPointer(rebasing: storage[start..<end]))
                    start = end
                }
                body(UnsafeMutableRawBufferPointer(rebasing: storage[..<textCount]), UnsafeBufferPointer(attachments))
            }
        }
    }
}
