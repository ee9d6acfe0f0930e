import Support

/// The parameters of a query, as they stand there. Empty ones are passed over.
struct QueryParts: Sequence, IteratorProtocol {
    private var rest: Slice<UnsafeRawBufferPointer>

    init(_ query: UnsafeRawBufferPointer) {
        rest = query[...]
    }

    /// The parameters, decoded; what cannot be stays as the client wrote it.
    var decoded: [(name: ByteString, value: ByteString)] {
        map { part in
            func text(_ bytes: UnsafeRawBufferPointer) -> ByteString { PercentEncoding.text(bytes, .query) ?? ByteString(decoding: bytes) }
            return (text(part.name), text(part.value))
        }
    }

    var count: Int { reduce(0) { count, _ in count + 1 } }

    mutating func next() -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
        rest = rest.drop { $0 == UInt8(ascii: "&") }
        guard !rest.isEmpty else { return nil }
        let part = rest.prefix { $0 != UInt8(ascii: "&") }
        rest = rest[part.endIndex...]
        let name = part.prefix { $0 != UInt8(ascii: "=") }
        return (UnsafeRawBufferPointer(rebasing: name), UnsafeRawBufferPointer(rebasing: part.dropFirst(name.count + 1)))
    }
}
