/// One message that is encoded once for many receivers. Immutable.
///
/// `frames` are complete, unmasked WebSocket frames, so that a broadcast writes the same bytes to each socket. `parts`
/// are the payloads within them, for receivers that need another format (a polling client, a compressed connection).
///
/// `@unchecked Sendable`: the memory of `frames` is written by `init`, and by ``rewriteText(before:count:_:)`` before
/// other threads have the message, and only `deinit` frees it.
public final class SharedMessage: @unchecked Sendable {
    /// A payload within ``frames``.
    public struct Part: Sendable {
        public let kind: MessageKind
        /// For text, the Engine.IO `4` is the first byte.
        public let range: Range<Int>
    }

    /// The text message, then its attachments. The address does not change while the message exists, because the kernel
    /// reads from it.
    public let frames: UnsafeRawBufferPointer
    public let parts: [Part]
    /// Dropped for each receiver that cannot send it at once.
    public let volatile: Bool
    /// Whether transports that support compression may compress it.
    public let compress: Bool

    /// Encodes a text of exactly `textCount` bytes, which `fill` writes (without the Engine.IO `4`), followed by
    /// `attachments` as binary messages.
    public init(
        textCount: Int, attachments: [[UInt8]] = [], volatile: Bool = false, compress: Bool = true,
        fill: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        var total = WebSocketHeader.size(for: textCount + 1) + textCount + 1
        for attachment in attachments { total += WebSocketHeader.size(for: attachment.count) + attachment.count }
        var parts: [Part] = []
        parts.reserveCapacity(1 + attachments.count)
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: total, alignment: 1)
        frames = UnsafeRawBufferPointer(bytes)
        var offset = WebSocketHeader.write(first: WebSocketHeader.text, count: textCount + 1, to: bytes.baseAddress!)
        parts.append(Part(kind: .text, range: offset..<(offset + textCount + 1)))
        bytes[offset] = PacketType.message.rawValue
        fill(UnsafeMutableRawBufferPointer(rebasing: bytes[(offset + 1)..<(offset + 1 + textCount)]))
        offset += 1 + textCount
        for attachment in attachments {
            offset += WebSocketHeader.write(
                first: WebSocketHeader.binary, count: attachment.count, to: bytes.baseAddress! + offset)
            parts.append(Part(kind: .binary, range: offset..<(offset + attachment.count)))
            attachment.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(rebasing: bytes[offset...]).copyMemory(from: $0)
            }
            offset += attachment.count
        }
        self.parts = parts
        self.volatile = volatile
        self.compress = compress
    }

    deinit {
        frames.deallocate()
    }

    /// Overwrites the `count` bytes of the text that precede its last `suffix` bytes. Allowed only while no other
    /// thread has the message.
    public func rewriteText(before suffix: Int, count: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let end = parts[0].range.upperBound - suffix
        precondition(
            count >= 0 && suffix >= 0 && end - count >= parts[0].range.lowerBound,
            "the range to rewrite exceeds the text message")
        fill(UnsafeMutableRawBufferPointer(mutating: UnsafeRawBufferPointer(rebasing: frames[(end - count)..<end])))
    }

    /// Calls `body` with the payload of one part, which is valid during the call.
    public func withPart<Result>(_ part: Part, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(rebasing: frames[part.range]))
    }
}

/// The header of an unmasked, unfragmented WebSocket frame, as a server sends it (RFC 6455 section 5.2).
///
/// Defined in this module because a ``SharedMessage`` contains complete frames.
public enum WebSocketHeader {
    public static let text: UInt8 = 0x81
    public static let binary: UInt8 = 0x82
    /// RSV1: the payload is compressed (RFC 7692).
    public static let compressed: UInt8 = 0x40
    /// The longest header.
    public static let maxSize = 10

    /// Size of the header of a payload of `count` bytes: 2, 4 or 10.
    @inlinable
    public static func size(for count: Int) -> Int {
        count < 126 ? 2 : count < 65_536 ? 4 : 10
    }

    /// Writes the header to the beginning of `bytes`, and returns its size.
    @inlinable @discardableResult
    public static func write(first: UInt8, count: Int, to bytes: UnsafeMutableRawPointer) -> Int {
        bytes.storeBytes(of: first, as: UInt8.self)
        if count < 126 {
            bytes.storeBytes(of: UInt8(truncatingIfNeeded: count), toByteOffset: 1, as: UInt8.self)
            return 2
        }
        if count < 65_536 {
            bytes.storeBytes(of: 126, toByteOffset: 1, as: UInt8.self)
            bytes.storeBytes(of: UInt16(truncatingIfNeeded: count).bigEndian, toByteOffset: 2, as: UInt16.self)
            return 4
        }
        bytes.storeBytes(of: 127, toByteOffset: 1, as: UInt8.self)
        bytes.storeBytes(of: UInt64(count).bigEndian, toByteOffset: 2, as: UInt64.self)
        return 10
    }
}
