/// Writes the members of an object, in the order given.
struct JSONKeyedContainer<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let members: JSONNode.Members
    let codingPath: [any CodingKey]
    let attachments: JSONEncoding.Attachments

    func encodeNil(forKey key: Key) { members.set(key.stringValue, .null) }
    func encode(_ value: Double, forKey key: Key) throws {
        members.set(key.stringValue, try JSONNodeEncoder.number(value, at: codingPath + [key]))
    }
    func encode(_ value: Float, forKey key: Key) throws { try encode(Double(value), forKey: key) }
    func encode(_ value: String, forKey key: Key) { members.set(key.stringValue, .text(value)) }
    func encode(_ value: Bool, forKey key: Key) { members.set(key.stringValue, .bool(value)) }
    func encode(_ value: Int, forKey key: Key) { members.set(key.stringValue, .integer(value)) }
    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        members.set(key.stringValue, try JSONEncoding.node(for: value, path: codingPath + [key], attachments: attachments))
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
