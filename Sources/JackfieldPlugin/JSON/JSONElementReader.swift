import RawJSON

/// Reads the elements of an array, one after the other.
struct JSONElementReader: UnkeyedDecodingContainer {
    private let reader: JSONReader
    private let elements: [Range<Int>]
    let codingPath: [any CodingKey]
    private(set) var currentIndex = 0

    init(_ reader: JSONReader) throws {
        guard reader.kind == .array else { throw reader.mismatch([Any].self) }
        self.reader = reader
        codingPath = reader.codingPath
        elements = reader.document.text.withUnsafeBytes { text in
            var walker = JSONArrayWalker(text, from: reader.range.lowerBound)
            var elements: [Range<Int>] = []
            while case .element(let range) = walker.next() { elements.append(range) }
            return elements
        }
    }

    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex == elements.count }

    mutating func decodeNil() throws -> Bool {
        guard try current(Any?.self).isNull else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try advance(type) { try $0.read(type) } }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try advance([String: Any].self) { try $0.container(keyedBy: type) }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try advance([Any].self) { try $0.unkeyedContainer() }
    }

    mutating func superDecoder() throws -> any Decoder { try advance(Any.self) { $0 } }

    private func current(_ type: any Any.Type) throws -> JSONReader {
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(type, .init(codingPath: codingPath + [JSONIndex(currentIndex)], debugDescription: "the list has ended"))
        }
        return JSONReader(reader.document, elements[currentIndex], in: codingPath, at: JSONIndex(currentIndex))
    }

    /// What cannot be read is not passed over, as `Decodable` types expect.
    private mutating func advance<Value>(_ type: any Any.Type, _ read: (JSONReader) throws -> Value) throws -> Value {
        let value = try read(current(type))
        currentIndex += 1
        return value
    }
}
