/// The masking of RFC 6455 section 5.3.
enum WebSocketMask {
    /// Masks or unmasks in place. `offset`: how many bytes of the frame's payload came before these.
    static func apply(_ key: UInt32, to bytes: UnsafeMutableRawBufferPointer, offset: Int = 0) {
        guard let start = bytes.baseAddress else { return }
        // The key is in memory order; turned so that its first byte meets the first of `bytes`.
        let rotation = UInt32(offset & 3) * 8
        let rotated = rotation == 0 ? key : (UInt32(littleEndian: key) >> rotation | UInt32(littleEndian: key) << (32 - rotation)).littleEndian
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
