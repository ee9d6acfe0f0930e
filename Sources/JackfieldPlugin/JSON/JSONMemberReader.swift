import RawJSON

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

    /// Without those that are longer than any name in source code: what the type makes of a key is a comparison of `String`s, whose cost is not
    /// bounded by its length.
    var allKeys: [Key] { members.names.compactMap { $0.count <= JSONMembers.longestName ? Key(stringValue: $0.text) : nil } }
    func contains(_ key: Key) -> Bool { find(key) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try member(key).isNull }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        let member = try member(key)
        if member.isNull, !(type is any ExpressibleByNilLiteral.Type), type != JSON.self {
            throw member.foundNull(type)
        }
        return try member.read(type)
    }

    // What most members are, without asking the runtime which type `T` is.
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

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws -> KeyedDecodingContainer<Nested> {
        try member(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { try member(key).unkeyedContainer() }

    func superDecoder(forKey key: Key) throws -> any Decoder { try member(key) }

    /// Where the encoder puts it.
    func superDecoder() throws -> any Decoder {
        guard let range = members["super"] else {
            throw DecodingError.valueNotFound(Any.self, .init(codingPath: codingPath, debugDescription: "the member 'super' is missing"))
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

    private func reader(of range: Range<Int>, _ key: Key) -> JSONReader { JSONReader(reader.document, range, in: codingPath, at: key) }
}
