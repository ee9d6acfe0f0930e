/// What a Socket.IO packet's text says, as ranges of it. Nothing is copied; the text must still be
/// there to make sense of them.
struct SocketPacket: Equatable {
    /// The digit a packet begins with.
    enum Kind: UInt8 {
        case connect = 0
        case disconnect = 1
        case event = 2
        case ack = 3
        case connectError = 4
        case binaryEvent = 5
        case binaryAck = 6
    }

    var kind: Kind

    /// Binary messages that follow.
    var attachments = 0

    /// With its slash; empty for the main namespace.
    var namespace = 0..<0

    var ackID: UInt64?

    /// A validated JSON value, white space around it included; empty without one.
    var payload = 0..<0

    /// An event's name: what stands between its quotes, or the digits of a number.
    var name = 0..<0

    /// Whether the name has escapes.
    var nameIsEscaped = false

    /// Of the comma before an event's first argument; `nil` when there is none. Writing `[` there makes the rest
    /// of the payload an array.
    var comma: Int?
}

/// A packet that outlives the receive buffer it came in: because its attachments are still to come, or because its
/// namespace's CONNECT is not decided yet. Text and attachments are copied into one buffer. A class, for a client has
/// room for one and hardly ever needs it.
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
