/// The `Encoder` behind ``JSONWriter``. It lives for one call on one thread.
final class JSONNodeEncoder: Encoder {
    let codingPath: [any CodingKey]
    let attachments: JSONWriter.Attachments
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    var node: JSONNode?

    init(codingPath: [any CodingKey], attachments: JSONWriter.Attachments) {
        self.codingPath = codingPath
        self.attachments = attachments
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(JSONKeyedContainer<Key>(members: members(), codingPath: codingPath, attachments: attachments))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        JSONUnkeyedContainer(elements: elements(), codingPath: codingPath, attachments: attachments)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { JSONSingleValueContainer(encoder: self) }

    /// A second container of the same kind goes on with the first, as `Encodable` superclasses expect.
    private func members() -> JSONNode.Members {
        if case .object(let members) = node { return members }
        let members = JSONNode.Members()
        node = .object(members)
        return members
    }

    private func elements() -> JSONNode.Elements {
        if case .array(let elements) = node { return elements }
        let elements = JSONNode.Elements()
        node = .array(elements)
        return elements
    }

    /// JSON has no infinity and no NaN. Whole numbers are written without a fraction, as JavaScript writes them.
    static func number(_ value: Double, at path: [any CodingKey]) throws -> JSONNode {
        guard value.isFinite else {
            throw EncodingError.invalidValue(value, .init(codingPath: path, debugDescription: "JSON has no \(value)"))
        }
        if let whole = Int(exactly: value), abs(whole) < 1 << 53 { return .integer(whole) }
        return .raw(Array("\(value)".utf8))
    }
}

/// Writes the members of an object, in the order given.
struct JSONKeyedContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let members: JSONNode.Members
    let codingPath: [any CodingKey]
    let attachments: JSONWriter.Attachments

    func encodeNil(forKey key: Key) { members.set(key.stringValue, .null) }
    func encode(_ value: Double, forKey key: Key) throws {
        members.set(key.stringValue, try JSONNodeEncoder.number(value, at: codingPath + [key]))
    }
    func encode(_ value: Float, forKey key: Key) throws { try encode(Double(value), forKey: key) }
    func encode(_ value: String, forKey key: Key) { members.set(key.stringValue, .text(value)) }
    func encode(_ value: Bool, forKey key: Key) { members.set(key.stringValue, .bool(value)) }
    func encode(_ value: Int, forKey key: Key) { members.set(key.stringValue, .integer(value)) }
    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        members.set(key.stringValue, try JSONWriter.node(for: value, path: codingPath + [key], attachments: attachments))
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<Nested> {
        child(key).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { child(key).unkeyedContainer() }
    func superEncoder(forKey key: Key) -> any Encoder { child(key) }
    func superEncoder() -> any Encoder {
        let encoder = JSONNodeEncoder(codingPath: codingPath, attachments: attachments)
        members.set("super", .pending(encoder))
        return encoder
    }

    private func child(_ key: Key) -> JSONNodeEncoder {
        let encoder = JSONNodeEncoder(codingPath: codingPath + [key], attachments: attachments)
        members.set(key.stringValue, .pending(encoder))
        return encoder
    }
}

/// Writes the elements of an array.
struct JSONUnkeyedContainer: UnkeyedEncodingContainer {
    let elements: JSONNode.Elements
    let codingPath: [any CodingKey]
    let attachments: JSONWriter.Attachments
    var count: Int { elements.all.count }

    func encodeNil() { elements.all.append(.null) }
    func encode(_ value: Double) throws { elements.all.append(try JSONNodeEncoder.number(value, at: codingPath)) }
    func encode(_ value: Float) throws { try encode(Double(value)) }
    func encode(_ value: String) { elements.all.append(.text(value)) }
    func encode(_ value: Bool) { elements.all.append(.bool(value)) }
    func encode(_ value: Int) { elements.all.append(.integer(value)) }
    func encode<T: Encodable>(_ value: T) throws {
        elements.all.append(try JSONWriter.node(for: value, path: codingPath, attachments: attachments))
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        child().container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { child().unkeyedContainer() }
    func superEncoder() -> any Encoder { child() }

    private func child() -> JSONNodeEncoder {
        let encoder = JSONNodeEncoder(codingPath: codingPath, attachments: attachments)
        elements.all.append(.pending(encoder))
        return encoder
    }
}

/// Writes one value.
struct JSONSingleValueContainer: SingleValueEncodingContainer {
    let encoder: JSONNodeEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }

    func encodeNil() { encoder.node = .null }
    func encode(_ value: Double) throws { encoder.node = try JSONNodeEncoder.number(value, at: codingPath) }
    func encode(_ value: Float) throws { try encode(Double(value)) }
    func encode(_ value: String) { encoder.node = .text(value) }
    func encode(_ value: Bool) { encoder.node = .bool(value) }
    func encode(_ value: Int) { encoder.node = .integer(value) }
    func encode(_ value: Int64) { encoder.node = .raw(Array("\(value)".utf8)) }
    func encode(_ value: Int32) { encoder.node = .integer(Int(value)) }
    func encode(_ value: Int16) { encoder.node = .integer(Int(value)) }
    func encode(_ value: Int8) { encoder.node = .integer(Int(value)) }
    func encode(_ value: UInt) { encoder.node = .raw(Array("\(value)".utf8)) }
    func encode(_ value: UInt64) { encoder.node = .raw(Array("\(value)".utf8)) }
    func encode(_ value: UInt32) { encoder.node = .integer(Int(value)) }
    func encode(_ value: UInt16) { encoder.node = .integer(Int(value)) }
    func encode(_ value: UInt8) { encoder.node = .integer(Int(value)) }
    func encode<T: Encodable>(_ value: T) throws {
        encoder.node = try JSONWriter.node(for: value, path: codingPath, attachments: encoder.attachments)
    }
}
