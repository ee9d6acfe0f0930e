import Foundation
import Support

/// Encodes a type of the plugin's own as a value of a service call. The members of a record are put in the place that
/// they have in the shape. Used for one value on one thread.
final class ValueEncoder: Encoder {
    let shape: SignatureShape
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    private let blocks: ValueMemory.Blocks

    /// An element or a field.
    private enum Slot {
        case value(jf_value)
        /// The caller of a nested container fills it until ``ValueEncoder/value()``.
        case pending(ValueEncoder)
    }

    private enum Encoded {
        case nothing
        case single(Slot)
        /// One for each field of the shape; nil: absent.
        case fields([Slot?])
        case elements([Slot])
    }

    private var encoded = Encoded.nothing

    init(_ shape: SignatureShape, _ blocks: ValueMemory.Blocks, at codingPath: [any CodingKey] = []) {
        self.shape = shape.unwrapped
        self.blocks = blocks
        self.codingPath = codingPath
    }

    /// The finished value.
    func value() -> jf_value {
        var memory = ValueMemory(blocks)
        func value(_ slot: Slot?) -> jf_value {
            switch slot {
            case nil: jf_none()
            case .value(let value): value
            case .pending(let encoder): encoder.value()
            }
        }
        switch encoded {
        case .single(let slot): return value(slot)
        case .fields(let slots): return jf_record(memory.copy(slots.map(value)), UInt32(slots.count))
        case .elements(let slots): return jf_array(memory.copy(slots.map { value($0) }), UInt32(slots.count))
        // A type without members does not even ask for a container.
        case .nothing: return jf_record(nil, 0)
        }
    }

    /// Encodes a value in the place of a shape.
    private func slot<T: Encodable>(_ value: T, as shape: SignatureShape, at path: [any CodingKey]) throws -> Slot {
        var memory = ValueMemory(blocks)
        if let value = value as? any SignatureValue { return .value(try value.write(as: shape, to: &memory)) }
        switch value {
        case is Date, is Data, is URL:
            guard case .text(let text) = try JSONEncoding.node(for: value, path: path, attachments: .init()) else {
                break
            }
            return .value(try text.write(as: shape, to: &memory))
        case is any ExpressibleByDictionaryLiteral:
            return .value(try JSON(encoding: value).write(as: shape, to: &memory))
        default: break
        }
        let encoder = ValueEncoder(shape, blocks, at: path)
        try value.encode(to: encoder)
        return .value(encoder.value())
    }

    // MARK: What the containers encode

    fileprivate func encodeNil() { encoded = .single(.value(jf_none())) }

    fileprivate func encode<T: Encodable>(_ value: T) throws {
        encoded = .single(try slot(value, as: shape, at: codingPath))
    }

    fileprivate func encode<T: Encodable>(_ value: T, forKey key: any CodingKey) throws {
        let (index, field) = try field(key, value)
        try set(index, slot(value, as: field, at: codingPath + [key]))
    }

    fileprivate func encodeNil(forKey key: any CodingKey) throws {
        let (index, _) = try field(key, Any?.none as Any)
        set(index, .value(jf_none()))
    }

    fileprivate func nested(forKey key: any CodingKey) -> ValueEncoder {
        guard let (index, field) = try? field(key, "a nested container") else {
            // A field that the shape does not have. The container cannot throw here, so its content is dropped.
            return ValueEncoder(.init(.json), blocks, at: codingPath + [key])
        }
        let encoder = ValueEncoder(field, blocks, at: codingPath + [key])
        set(index, .pending(encoder))
        return encoder
    }

    fileprivate func append<T: Encodable>(_ value: T) throws {
        try append(slot(value, as: element(value), at: codingPath + [JSONIndex(elementCount)]))
    }

    fileprivate func appendNil() { append(.value(jf_none())) }

    fileprivate func appendNested() -> ValueEncoder {
        let element = (try? element("a nested container")) ?? .init(.json)
        let encoder = ValueEncoder(element, blocks, at: codingPath + [JSONIndex(elementCount)])
        append(.pending(encoder))
        return encoder
    }

    fileprivate var elementCount: Int {
        if case .elements(let slots) = encoded { slots.count } else { 0 }
    }

    /// The place and the shape of a field.
    private func field(_ key: any CodingKey, _ value: some Any) throws -> (Int, SignatureShape) {
        let wanted = ByteString(key.stringValue)
        guard case .record(let fields) = shape.kind, let index = fields.firstIndex(where: { $0.name == wanted }) else {
            throw EncodingError.invalidValue(
                value,
                .init(
                    codingPath: codingPath + [key],
                    debugDescription: "'\(key.stringValue.cut(to: 64))' is encoded, but init(from:) does not decode it")
            )
        }
        return (index, fields[index].shape)
    }

    private func element(_ value: some Any) throws -> SignatureShape {
        guard case .array(let element) = shape.kind else {
            try shape.check(false, value, at: codingPath)
            return shape
        }
        return element
    }

    private func set(_ index: Int, _ slot: Slot) {
        beginFields()
        guard case .fields(var slots) = encoded else { return }
        encoded = .nothing
        slots[index] = slot
        encoded = .fields(slots)
    }

    private func append(_ slot: Slot) {
        guard case .elements(var slots) = encoded else {
            encoded = .elements([slot])
            return
        }
        encoded = .nothing
        slots.append(slot)
        encoded = .elements(slots)
    }

    private func beginFields() {
        if case .fields = encoded { return }
        guard case .record(let fields) = shape.kind else { return }
        encoded = .fields(Array(repeating: nil, count: fields.count))
    }

    // MARK: Encoder

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        beginFields()
        return KeyedEncodingContainer(ValueMemberWriter(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        if case .elements = encoded {} else { encoded = .elements([]) }
        return ValueElementWriter(encoder: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { SingleValueWriter(encoder: self) }
}

private struct ValueMemberWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: ValueEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }

    func encodeNil(forKey key: Key) throws { try encoder.encodeNil(forKey: key) }
    func encode<T: Encodable>(_ value: T, forKey key: Key) throws { try encoder.encode(value, forKey: key) }
    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<
        Nested
    > {
        encoder.nested(forKey: key).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        encoder.nested(forKey: key).unkeyedContainer()
    }
    func superEncoder() -> any Encoder { encoder }
    func superEncoder(forKey key: Key) -> any Encoder { encoder.nested(forKey: key) }
}

private struct ValueElementWriter: UnkeyedEncodingContainer {
    let encoder: ValueEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }
    var count: Int { encoder.elementCount }

    func encodeNil() { encoder.appendNil() }
    func encode<T: Encodable>(_ value: T) throws { try encoder.append(value) }
    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        encoder.appendNested().container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoder.appendNested().unkeyedContainer() }
    func superEncoder() -> any Encoder { encoder.appendNested() }
}

private struct SingleValueWriter: SingleValueEncodingContainer {
    let encoder: ValueEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }

    func encodeNil() { encoder.encodeNil() }
    func encode<T: Encodable>(_ value: T) throws { try encoder.encode(value) }
}
