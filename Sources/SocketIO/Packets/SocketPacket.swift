/// The parts of a Socket.IO packet, as byte ranges of its text. Nothing is copied, so the text must be kept with it.
struct SocketPacket: Equatable {
    /// The digit that a packet begins with.
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

    /// Number of binary messages that follow.
    var attachments = 0

    /// Including the slash; empty for the main namespace.
    var namespace = 0..<0

    var ackID: UInt64?

    /// A validated JSON value with the white space around it; empty without a payload.
    var payload = 0..<0

    /// An event's name: the text between its quotes, or the digits of a number.
    var name = 0..<0

    /// Whether the name contains escapes.
    var nameIsEscaped = false

    /// The offset of the comma before an event's first argument; `nil` without arguments. Writing `[` there turns the
    /// rest of the payload into an array of the arguments.
    var comma: Int?
}

/// A packet that is kept longer than its receive buffer: because attachments are still to come, or because its
/// namespace's CONNECT is not decided yet. Text and attachments are copied into one buffer. A class, because a client
/// stores an optional one and rarely needs it.
final class BufferedPacket {
    let packet: SocketPacket
    private let textCount: Int
    private var storage: [UInt8]
    /// The end of each attachment in the storage.
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

    /// Whether all attachments were received.
    var isComplete: Bool { ends.count == packet.attachments }

    /// Whether each placeholder names one of the attachments.
    var hasValidPlaceholders: Bool {
        storage.withUnsafeBytes {
            Placeholders(in: UnsafeRawBufferPointer(rebasing: $0[packet.payload])).areInRange(packet.attachments)
        }
    }

    func append(_ attachment: UnsafeRawBufferPointer) {
        storage.append(contentsOf: attachment)
        ends.append(storage.count)
    }

    /// Calls `body` with text and attachments as when they were received.
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
