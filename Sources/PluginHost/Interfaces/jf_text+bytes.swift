import CJackfield
import Support

extension jf_text {
    /// The bytes, which stay the plugin's. A NULL pointer means no bytes, whatever the length says.
    @inline(__always)
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: ptr, count: ptr == nil ? 0 : Int(clamping: len))
    }

    /// A copy, to be compared or to be a key; bytes that are no UTF-8 become U+FFFD.
    @inline(__always)
    var byteString: ByteString { ByteString(decoding: bytes) }

    /// A copy to show; bytes that are no UTF-8 become U+FFFD.
    var string: String { String(decoding: bytes, as: UTF8.self) }

    /// The first bytes, for a log line.
    var excerpt: String { Self.excerpt(of: bytes) }

    static func excerpt(of bytes: UnsafeRawBufferPointer) -> String {
        let text = String(decoding: bytes.prefix(64), as: UTF8.self)
        return bytes.count > 64 ? text + "…" : text
    }

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(ptr: bytes.baseAddress?.assumingMemoryBound(to: CChar.self), len: UInt64(bytes.count))
    }

    static var none: jf_text { jf_text(ptr: nil, len: 0) }
}

extension jf_bytes {
    /// The bytes, which stay the plugin's. A NULL pointer means no bytes, whatever the length says.
    @inline(__always)
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: ptr, count: ptr == nil ? 0 : Int(clamping: len))
    }

    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(ptr: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), len: UInt64(bytes.count))
    }
}
