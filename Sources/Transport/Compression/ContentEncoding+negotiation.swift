extension ContentEncoding {
    /// Reads `Accept-Encoding`, which may come in several fields: the encoding that the client likes best of those we have, of equals the first it names.
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

        /// nil: none.
        var result: ContentEncoding? {
            if let star, star > best?.weight ?? 0 {
                if !namesGzip { return .gzip }
                if !namesDeflate { return .deflate }
            }
            return best?.encoding
        }

        /// In thousandths; 1,000 when there is none, 0 for what is no number.
        private static func weight(of parameters: HTTPListParts) -> Int {
            for parameter in parameters where parameter.count >= 2 && parameter.part(0..<2).isEqual(ignoringCase: "q=") {
                return thousandths(parameter.part(2..<parameter.count))
            }
            return 1_000
        }

        /// `0`, `1`, or one of them with up to three decimals (RFC 9110 section 12.4.2); more decimals are passed over.
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
