import Foundation
import RawJSON
import Support

/// Decodes a type of the plugin's own from a value of a service call. The members of a record are found by their place
/// in the shape.
struct ValueDecoder: Decoder {
    let value: jf_value
    let shape: SignatureShape
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(_ value: jf_value, _ shape: SignatureShape, at codingPath: [any CodingKey] = []) {
        self.value = value
        self.shape = shape
        self.codingPath = codingPath
    }

    func read<T: Decodable>(_ type: T.Type) throws -> T {
        if let type = type as? any SignatureValue.Type, let result = try type.read(value, as: shape) as? T {
            return result
        }
        switch type {
        case is Date.Type, is Data.Type, is URL.Type:
            let text = JSONText.quote(try String.read(value, as: shape))
            return try text.withUnsafeBytes { try JSON.decode(type, from: $0, named: "the value", attachments: []) }
        case is any ExpressibleByDictionaryLiteral.Type:
            return try JSON.read(value, as: shape).decode(type)
        default:
            return try T(from: self)
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(try ValueMembers<Key>(self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try ValueElements(self) }

    func singleValueContainer() -> any SingleValueDecodingContainer { SingleValue(decoder: self) }

    struct SingleValue: SingleValueDecodingContainer {
        let decoder: ValueDecoder
        var codingPath: [any CodingKey] { decoder.codingPath }

        func decodeNil() -> Bool { decoder.value.kind == JF_VALUE_NONE }
        func decode<T: Decodable>(_ type: T.Type) throws -> T {
            try ValueDecoder(decoder.value, decoder.shape.unwrapped, at: codingPath).read(type)
        }
    }
}

/// Reads the fields of a record.
private struct ValueMembers<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let decoder: ValueDecoder
    private let fields: [SignatureShape.Field]
    var codingPath: [any CodingKey] { decoder.codingPath }

    init(_ decoder: ValueDecoder) throws {
        try decoder.value.check(JF_VALUE_RECORD, [String: Any].self, at: decoder.codingPath)
        guard case .record(let fields) = decoder.shape.unwrapped.kind, decoder.value.items.count == fields.count else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: decoder.codingPath,
                    debugDescription:
                        "the record has \(decoder.value.items.count) fields, which are not those of the type"
                ))
        }
        self.decoder = decoder
        self.fields = fields
    }

    var allKeys: [Key] { fields.compactMap { Key(stringValue: $0.name.text) } }
    func contains(_ key: Key) -> Bool { find(key).map { decoder.value.items[$0].kind != JF_VALUE_NONE } ?? false }
    func decodeNil(forKey key: Key) throws -> Bool { try member(key).value.kind == JF_VALUE_NONE }
    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try member(key).read(type) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws
        -> KeyedDecodingContainer<Nested>
    {
        try member(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try member(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { decoder }
    func superDecoder(forKey key: Key) throws -> any Decoder { try member(key) }

    private func find(_ key: Key) -> Int? {
        let wanted = ByteString(key.stringValue)
        return fields.firstIndex { $0.name == wanted }
    }

    private func member(_ key: Key) throws -> ValueDecoder {
        guard let index = find(key) else {
            throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "no such field"))
        }
        return ValueDecoder(decoder.value.items[index], fields[index].shape, at: codingPath + [key])
    }
}

/// Reads the elements of an array.
private struct ValueElements: UnkeyedDecodingContainer {
    private let decoder: ValueDecoder
    private let element: SignatureShape
    var codingPath: [any CodingKey] { decoder.codingPath }
    private(set) var currentIndex = 0
    var count: Int? { decoder.value.items.count }
    var isAtEnd: Bool { currentIndex == decoder.value.items.count }

    init(_ decoder: ValueDecoder) throws {
        try decoder.value.check(JF_VALUE_ARRAY, [Any].self, at: decoder.codingPath)
        guard case .array(let element) = decoder.shape.unwrapped.kind else {
            throw DecodingError.typeMismatch(
                [Any].self, .init(codingPath: decoder.codingPath, debugDescription: "the type is no list"))
        }
        self.decoder = decoder
        self.element = element
    }

    mutating func decodeNil() throws -> Bool {
        guard try current().value.kind == JF_VALUE_NONE else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try advance { try $0.read(type) } }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try advance { try $0.container(keyedBy: type) }
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try advance { try $0.unkeyedContainer() }
    }

    mutating func superDecoder() throws -> any Decoder { try advance { $0 } }

    private func current() throws -> ValueDecoder {
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(
                Any.self,
                .init(codingPath: codingPath + [JSONIndex(currentIndex)], debugDescription: "the list has ended"))
        }
        return ValueDecoder(decoder.value.items[currentIndex], element, at: codingPath + [JSONIndex(currentIndex)])
    }

    /// If reading fails, the index does not change, as `Decodable` types expect.
    private mutating func advance<Value>(_ read: (ValueDecoder) throws -> Value) throws -> Value {
        let value = try read(current())
        currentIndex += 1
        return value
    }
}
