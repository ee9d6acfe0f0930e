import RawJSON

/// The `Decoder` of the SDK, the counterpart of ``JSONEncoding``. It reads from the text without building a tree, so
/// that ``JSON`` members cost only a copy of their bytes. Dates are RFC 3339, `Data` base64, `URL` text.
///
/// The text must have passed `JSONScanner`.
struct JSONReader: Decoder {
    /// A document and its attachments.
    final class Document {
        let text: [UInt8]
        let attachments: [[UInt8]]
        /// nil: keys that the type does not know are ignored.
        let keys: UnknownKeys?

        init(text: [UInt8], attachments: [[UInt8]], keys: UnknownKeys? = nil) {
            self.text = text
            self.attachments = attachments
            self.keys = keys
        }
    }

    let document: Document

    /// The range of the value, without white space around it.
    let range: Range<Int>

    /// In two parts, because only errors need the whole path.
    private let path: (parents: [any CodingKey], key: (any CodingKey)?)
    var codingPath: [any CodingKey] { path.key.map { path.parents + [$0] } ?? path.parents }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(_ document: Document, _ range: Range<Int>, in parents: [any CodingKey] = [], at key: (any CodingKey)? = nil) {
        self.document = document
        self.range = range
        path = (parents, key)
    }

    /// The whole document; nil if it is not JSON.
    init?(_ document: Document) {
        guard let whole = document.text.withUnsafeBytes({ try? JSONScanner.document($0) }) else { return nil }
        self.init(document, whole.range)
    }

    var kind: JSONKind? { JSONKind(firstByte: document.text[range.lowerBound]) }
    var isNull: Bool { kind == .null }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try document.text.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    func read<T: Decodable>(_ type: T.Type) throws -> T {
        if type == JSON.self, let raw = JSON(reading: self) as? T { return raw }
        if let readable = type as? any JSONReadable.Type, let value = try readable.init(reading: self) as? T {
            return value
        }
        return try type.init(from: self)
    }

    func mismatch(_ type: any Any.Type) -> DecodingError {
        .typeMismatch(
            type, .init(codingPath: codingPath, debugDescription: "found \(kind.map { "\($0)" } ?? "nothing")"))
    }

    /// The error for null where the type needs a value.
    func foundNull(_ type: any Any.Type) -> DecodingError {
        .valueNotFound(type, .init(codingPath: codingPath, debugDescription: "found null"))
    }

    func corrupted(_ words: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: codingPath, debugDescription: words))
    }

    // MARK: Decoder

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(try JSONMemberReader<Key>(self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try JSONElementReader(self) }

    func singleValueContainer() -> any SingleValueDecodingContainer { JSONValueReader(reader: self) }
}

/// Reads the members of an object.
struct JSONMemberReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let reader: JSONReader
    let codingPath: [any CodingKey]

    private let members: JSONMembers

    init(_ reader: JSONReader) throws {
        guard reader.kind == .object else { throw reader.mismatch([String: Any].self) }
        self.reader = reader
        codingPath = reader.codingPath
        members = JSONMembers(of: reader.document, from: reader.range.lowerBound)
        reader.document.keys?.open(reader.range.lowerBound, at: codingPath, members.names, as: Key.self)
    }

    /// Without keys of more than ``JSONMembers/longestName`` bytes: the type compares a key as a `String`, which may
    /// cost more than its length.
    var allKeys: [Key] {
        members.names.compactMap { $0.count <= JSONMembers.longestName ? Key(stringValue: $0.text) : nil }
    }
    func contains(_ key: Key) -> Bool { find(key) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try member(key).isNull }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        let member = try member(key)
        if member.isNull, !(type is any ExpressibleByNilLiteral.Type), type != JSON.self {
            throw member.foundNull(type)
        }
        return try member.read(type)
    }

    // The most frequent types, without the dynamic type checks of `JSONReader.read(_:)`.
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try read(key) }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try read(key) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try read(key) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try read(key) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try readIfPresent(key) }
    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try readIfPresent(key) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try readIfPresent(key) }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { try readIfPresent(key) }

    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        guard let range = find(key) else { return nil }
        let member = reader(of: range, key)
        return member.isNull ? nil : try member.read(type)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws
        -> KeyedDecodingContainer<Nested>
    {
        try member(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try member(key).unkeyedContainer()
    }

    func superDecoder(forKey key: Key) throws -> any Decoder { try member(key) }

    /// The member `super`, as ``JSONKeyedContainer/superEncoder()`` writes it.
    func superDecoder() throws -> any Decoder {
        guard let range = members["super"] else {
            throw DecodingError.valueNotFound(
                Any.self, .init(codingPath: codingPath, debugDescription: "the member 'super' is missing"))
        }
        return JSONReader(reader.document, range, in: codingPath)
    }

    private func read<T: JSONReadable>(_ key: Key) throws -> T {
        let member = try member(key)
        if member.isNull { throw member.foundNull(T.self) }
        return try T(reading: member)
    }

    private func readIfPresent<T: JSONReadable>(_ key: Key) throws -> T? {
        guard let range = find(key) else { return nil }
        let member = reader(of: range, key)
        return member.isNull ? nil : try T(reading: member)
    }

    private func member(_ key: Key) throws -> JSONReader {
        guard let range = find(key) else {
            throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "no such member"))
        }
        return reader(of: range, key)
    }

    private func find(_ key: Key) -> Range<Int>? {
        reader.document.keys?.recordLookup(reader.range.lowerBound, for: key.stringValue)
        return members[key.stringValue]
    }

    private func reader(of range: Range<Int>, _ key: Key) -> JSONReader {
        JSONReader(reader.document, range, in: codingPath, at: key)
    }
}

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
        elements = Self.elements(of: reader.document, from: reader.range.lowerBound)
    }

    /// The ranges of an array's elements.
    ///
    /// - Parameter start: the offset of the array in a text that has passed `JSONScanner`.
    static func elements(of document: JSONReader.Document, from start: Int) -> [Range<Int>] {
        document.text.withUnsafeBytes { text in
            var walker = JSONArrayWalker(text, from: start)
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
            throw DecodingError.valueNotFound(
                type, .init(codingPath: codingPath + [JSONIndex(currentIndex)], debugDescription: "the list has ended"))
        }
        return JSONReader(reader.document, elements[currentIndex], in: codingPath, at: JSONIndex(currentIndex))
    }

    /// If reading fails, the index does not change, as `Decodable` types expect.
    private mutating func advance<Value>(_ type: any Any.Type, _ read: (JSONReader) throws -> Value) throws -> Value {
        let value = try read(current(type))
        currentIndex += 1
        return value
    }
}

/// The index of an array's element, as part of a coding path.
struct JSONIndex: CodingKey {
    let intValue: Int?
    var stringValue: String { intValue.map { "\($0)" } ?? "" }

    init(_ index: Int) { intValue = index }
    init?(intValue: Int) { self.init(intValue) }
    init?(stringValue: String) { return nil }
}

/// Reads one value.
struct JSONValueReader: SingleValueDecodingContainer {
    let reader: JSONReader
    var codingPath: [any CodingKey] { reader.codingPath }

    func decodeNil() -> Bool { reader.isNull }
    func decode<T: Decodable>(_ type: T.Type) throws -> T { try reader.read(type) }
}
