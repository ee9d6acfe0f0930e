import CZlib

/// The content encodings of polling answers.
enum ContentEncoding: String {
    case gzip
    /// zlib's format (RFC 1950), which is what `deflate` means in HTTP.
    case deflate

    /// Compresses `count` bytes that `fill` writes; nil if zlib runs out of memory.
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

extension ContentEncoding {
    /// Evaluates `Accept-Encoding`, which may come in several fields: finds the supported encoding with the highest
    /// weight; among equal weights, the one named first.
    struct Negotiation {
        private var best: (encoding: ContentEncoding, weight: Int)?
        /// The weight of `*`.
        private var star: Int?
        private var namesGzip = false
        private var namesDeflate = false

        mutating func add(_ value: UnsafeRawBufferPointer) {
            for element in HTTPListParts(value, separatedBy: UInt8(ascii: ",")) {
                var parts = HTTPListParts(element, separatedBy: UInt8(ascii: ";"))
                guard let name = parts.next() else { continue }
                let weight = Self.weight(of: parts)
                if name.isEqual(ignoringCase: "gzip") {
                    namesGzip = true
                    record(.gzip, weight)
                } else if name.isEqual(ignoringCase: "deflate") {
                    namesDeflate = true
                    record(.deflate, weight)
                } else if name.isEqual(to: "*") {
                    star = weight
                }
            }
        }

        private mutating func record(_ encoding: ContentEncoding, _ weight: Int) {
            if weight > best?.weight ?? 0 { best = (encoding, weight) }
        }

        /// The encoding to use; nil: none.
        var result: ContentEncoding? {
            if let star, star > best?.weight ?? 0 {
                if !namesGzip { return .gzip }
                if !namesDeflate { return .deflate }
            }
            return best?.encoding
        }

        /// In thousandths; 1,000 without a `q`, 0 for an invalid number.
        private static func weight(of parameters: HTTPListParts) -> Int {
            for parameter in parameters where parameter.count >= 2 && parameter.part(0..<2).isEqual(ignoringCase: "q=")
            {
                return thousandths(parameter.part(2..<parameter.count))
            }
            return 1_000
        }

        /// `0` or `1` with up to three decimals (RFC 9110 section 12.4.2); further decimals are ignored.
        private static func thousandths(_ bytes: UnsafeRawBufferPointer) -> Int {
            guard let first = bytes.first, first == 0x30 || first == 0x31 else { return 0 }
            guard bytes.count == 1 || bytes[1] == 0x2E else { return 0 }
            var value = Int(first - 0x30) * 1_000
            var place = 100
            for byte in bytes.dropFirst(2) {
                guard (0x30...0x39).contains(byte) else { return 0 }
                value += Int(byte - 0x30) * place
                place /= 10
            }
            return min(value, 1_000)
        }
    }
}
