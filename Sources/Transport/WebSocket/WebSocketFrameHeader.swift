/// The header of a frame a client sent (RFC 6455 section 5.2).
struct WebSocketFrameHeader: Equatable {
    enum Opcode: UInt8 {
        case continuation = 0
        case text = 1
        case binary = 2
        case close = 8
        case ping = 9
        case pong = 10

        var isControl: Bool { rawValue >= 8 }
    }

    var isFinal: Bool
    /// RSV1: the message is compressed (RFC 7692).
    var isCompressed: Bool
    var opcode: Opcode
    var length: Int
    /// The masking key, in memory order.
    var key: UInt32

    /// The size of the longest header: 2 bytes, 8 of length, 4 of key.
    static let maxSize = 14

    /// The result of reading a header.
    enum Reading: Equatable {
        /// More bytes are needed.
        case incomplete
        case header(WebSocketFrameHeader, size: Int)
        case violation(WebSocketViolation)
    }

    /// Reads a header, and checks the rules for a single frame, in the order of the reference.
    static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
        guard bytes.count >= 2 else { return .incomplete }
        let first = bytes[0]
        let second = bytes[1]
        guard first & 0x30 == 0 else { return .violation(.reservedBits) }
        guard let opcode = Opcode(rawValue: first & 0x0F) else { return .violation(.reservedOpcode) }
        let isFinal = first & 0x80 != 0
        let isCompressed = first & 0x40 != 0
        var length = Int(second & 0x7F)
        if opcode.isControl {
            guard isFinal else { return .violation(.fragmentedControlFrame) }
            guard !isCompressed else { return .violation(.reservedBits) }
            guard length <= 125, opcode != .close || length != 1 else { return .violation(.badControlLength) }
        }
        guard second & 0x80 != 0 else { return .violation(.unmasked) }

        var size = 2
        if length == 126 {
            guard bytes.count >= 4 else { return .incomplete }
            length = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            size = 4
        } else if length == 127 {
            guard bytes.count >= 10 else { return .incomplete }
            let long = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            guard long <= UInt64(Int.max >> 1) else { return .violation(.tooLarge) }
            length = Int(long)
            size = 10
        }
        guard bytes.count >= size + 4 else { return .incomplete }
        let key = bytes.loadUnaligned(fromByteOffset: size, as: UInt32.self)
        let header = WebSocketFrameHeader(
            isFinal: isFinal, isCompressed: isCompressed, opcode: opcode, length: length, key: key)
        return .header(header, size: size + 4)
    }
}

/// The masking of RFC 6455 section 5.3.
enum WebSocketMask {
    /// Masks or unmasks in place. `offset`: how many bytes of the frame's payload precede these.
    static func apply(_ key: UInt32, to bytes: UnsafeMutableRawBufferPointer, offset: Int = 0) {
        guard let start = bytes.baseAddress else { return }
        // Rotate the key, which is in memory order, so that its byte for `offset` comes first.
        let rotation = UInt32(offset & 3) * 8
        let rotated =
            rotation == 0
            ? key : (UInt32(littleEndian: key) >> rotation | UInt32(littleEndian: key) << (32 - rotation)).littleEndian
        let wide = UInt64(rotated) << 32 | UInt64(rotated)
        var index = 0
        let count = bytes.count
        while index + 8 <= count {
            let word = start.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ wide
            start.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        withUnsafeBytes(of: rotated) { key in
            while index < count {
                bytes[index] ^= key[index & 3]
                index += 1
            }
        }
    }
}
