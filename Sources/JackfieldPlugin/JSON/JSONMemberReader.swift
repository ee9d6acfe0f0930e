import RawJSON

/// Reads the members of an object.
struct JSONMemberReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let reader: JSONReader
    let codingPath: [any CodingKey]

    /// Of equal keys the last counts, as in `JSON.parse`. A dictionary, so that an object of many members costs no more for each.
    private let members: [String: Range<Int>]

    init(_ reader: JSONReader) throws {
        guard reader.kind == .object else { throw reader.mismatch([String: Any].self) }
        self.reader = reader
        codingPath = reader.codingPath
        members = reader.document.text.withUnsafeBytes { text in
            var walker = JSONObjectWalker(text, from: reader.range.lowerBound)
            var members: [String: Range<Int>] = [:]
            while case .member(let key, let value) = walker.next() {
                if let name = JSONText.string(UnsafeRawBufferPointer(rebasing: text[key])) { members[name] = value }
            }
            return members
        }
    }

    var allKeys: [Key] { members.keys.compactMap(Key.init(stringValue:)) }
    func contains(_ key: Key) -> Bool { members[key.stringValue] != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try member(key).isNull }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        let member = try member(key)
        if member.isNull, !(type is any ExpressibleByNilLiteral.Type), type != JSON.self {
            throw DecodingError.valueNotFound(type, .init(codingPath: member.codingPath, debugDescription: "found null"))
        }
        return try member.read(type)
    }

    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        guard let range = members[key.stringValue] else { return nil }
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

    private func member(_ key: Key) throws -> JSONReader {
        guard let range = members[key.stringValue] else {
            throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "no such member"))
        }
        return reader(of: range, key)
    }

    private func reader(of range: Range<Int>, _ key: Key) -> JSONReader { JSONReader(reader.document, range, in: codingPath, at: key) }
}
