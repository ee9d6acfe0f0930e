/// Writes the elements of an array.
struct JSONUnkeyedContainer: UnkeyedEncodingContainer {
    let elements: JSONNode.Elements
    let codingPath: [any CodingKey]
    let attachments: JSONEncoding.Attachments
    var count: Int { elements.all.count }

    func encodeNil() { elements.all.append(.null) }
    func encode(_ value: Double) throws { elements.all.append(try JSONNodeEncoder.number(value, at: codingPath)) }
    func encode(_ value: Float) throws { try encode(Double(value)) }
    func encode(_ value: String) { elements.all.append(.text(value)) }
    func encode(_ value: Bool) { elements.all.append(.bool(value)) }
    func encode(_ value: Int) { elements.all.append(.integer(value)) }
    func encode<T: Encodable>(_ value: T) throws {
        elements.all.append(try JSONEncoding.node(for: value, path: codingPath, attachments: attachments))
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
