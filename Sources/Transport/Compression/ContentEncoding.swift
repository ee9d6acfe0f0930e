import CZlib

/// The content encodings of polling answers.
enum ContentEncoding: String {
    case gzip
    /// zlib's format (RFC 1950), as the name has come to mean.
    case deflate

    /// Compresses `count` bytes that `fill` writes; nil when zlib has no memory.
    func compress(count: Int, fill: (UnsafeMutableRawBufferPointer) -> Void) -> [UInt8]? {
        var stream = z_stream()
        let windowBits: Int32 = self == .gzip ? 15 + 16 : 15
        guard jf_deflate_init(&stream, Z_DEFAULT_COMPRESSION, windowBits, 8) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { plain.deallocate() }
        fill(plain)
        let bound = Int(deflateBound(&stream, UInt(count)))
        var isComplete = false
        let compressed = [UInt8](unsafeUninitializedCapacity: bound) { buffer, initialized in
            stream.next_in = plain.baseAddress!.assumingMemoryBound(to: UInt8.self)
            stream.avail_in = UInt32(count)
            stream.next_out = buffer.baseAddress
            stream.avail_out = UInt32(bound)
            isComplete = CZlib.deflate(&stream, Z_FINISH) == Z_STREAM_END
            initialized = bound - Int(stream.avail_out)
        }
        return isComplete ? compressed : nil
    }
}
