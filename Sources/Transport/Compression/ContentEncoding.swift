import CZlib

/// The content encodings of polling answers.
enum ContentEncoding: String {
    case gzip
    /// zlib's format (RFC 1950), as the name has come to mean.
    case deflate

    /// The one a client likes best of those we have, by `Accept-Encoding`; of equals the first it names. nil: none.
    static func negotiated(_ accepted: [Substring]) -> ContentEncoding? {
        var best: (encoding: ContentEncoding, weight: Double)?
        var star: Double?
        var named: Set<String> = []
        for item in accepted {
            let parts = item.split(separator: ";")
            guard let first = parts.first else { continue }
            let name = trimmed(first).lowercased()
            let weight = weight(of: parts.dropFirst())
            named.insert(name)
            if name == "*" {
                star = weight
            } else if let encoding = ContentEncoding(rawValue: name), weight > 0, weight > (best?.weight ?? 0) {
                best = (encoding, weight)
            }
        }
        if let star, star > (best?.weight ?? 0), let rest = [ContentEncoding.gzip, .deflate].first(where: { !named.contains($0.rawValue) }) {
            return rest
        }
        return best?.encoding
    }

    private static func weight(of parameters: ArraySlice<Substring>) -> Double {
        for parameter in parameters {
            let parameter = trimmed(parameter).lowercased()
            if parameter.hasPrefix("q=") { return Double(parameter.dropFirst(2)) ?? 0 }
        }
        return 1
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }

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
