/// The header of an unmasked, unfragmented WebSocket frame, as a server sends it (RFC 6455 section 5.2).
///
/// It lives here because a ``SharedMessage`` is a complete frame, encoded before anybody knows who gets it.
public enum WebSocketHeader {
    public static let text: UInt8 = 0x81
    public static let binary: UInt8 = 0x82
    /// RSV1: the payload is compressed (RFC 7692).
    public static let compressed: UInt8 = 0x40
    /// No header is longer.
    public static let maxSize = 10

    /// Bytes in front of a payload of `count` bytes: 2, 4 or 10.
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
