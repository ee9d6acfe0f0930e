import Foundation
import RawJSON
import Support

/// Encodes to JSON. Unlike Foundation's encoder it keeps the order of members, copies ``JSON`` unchanged, and makes
/// attachments of ``Binary`` values. Dates become RFC 3339 in UTC with milliseconds, `Data` base64, `URL` text.
enum JSONEncoding {
    static func write(_ value: any Encodable) throws -> (bytes: [UInt8], attachments: [[UInt8]]) {
        if let finished = value as? JSON { return (finished.bytes, []) }
        let attachments = Attachments()
        let node = try node(for: value, path: [], attachments: attachments)
        var json = JSONWriter()
        node.write(to: &json)
        return (json.bytes, attachments.all)
    }

    /// Several values as one array: the arguments of an event.
    static func write(array values: [any Encodable]) throws -> (bytes: [UInt8], attachments: [[UInt8]]) {
        let attachments = Attachments()
        var json = JSONWriter()
        json.beginArray()
        for value in values { try node(for: value, path: [], attachments: attachments).write(to: &json) }
        json.endArray()
        return (json.bytes, attachments.all)
    }

    /// The attachments found so far, in order.
    final class Attachments {
        var all: [[UInt8]] = []
    }

    static func node(for value: any Encodable, path: [any CodingKey], attachments: Attachments) throws -> JSONNode {
        switch value {
        case let value as JSON: return .raw(value.bytes)
        case let value as String: return .text(value)
        case let value as Int: return .integer(value)
        case let value as Bool: return .bool(value)
        case let value as Binary:
            attachments.all.append(value.bytes)
            return .raw(Array(#"{"_placeholder":true,"num":\#(attachments.all.count - 1)}"#.utf8))
        case let value as Date:
            return .text(RFC3339.text(milliseconds: Int64((value.timeIntervalSince1970 * 1000).rounded())))
        case let value as Data: return .text(value.base64EncodedString())
        case let value as URL: return .text(value.absoluteString)
        case let value as Decimal: return .raw(Array("\(value)".utf8))
        default:
            let encoder = JSONNodeEncoder(codingPath: path, attachments: attachments)
            try value.encode(to: encoder)
            return encoder.node ?? .object(.init())
        }
    }
}

/// The `Encoder` of ``JSONEncoding``. Used for one call on one thread.
final class JSONNodeEncoder: Encoder {
    let codingPath: [any CodingKey]
    let attachments: JSONEncoding.Attachments
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    var node: JSONNode?

    init(codingPath: [any CodingKey], attachments: JSONEncoding.Attachments) {
        self.codingPath = codingPath
        self.attachments = attachments
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(
            JSONKeyedContainer<Key>(members: members(), codingPath: codingPath, attachments: attachments))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        JSONUnkeyedContainer(elements: elements(), codingPath: codingPath, attachments: attachments)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { JSONSingleValueContainer(encoder: self) }

    /// A second container of the same kind continues the first one, as `Encodable` superclasses expect.
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

    /// JSON has no infinity and no NaN.
    static func number(_ value: Double, at path: [any CodingKey]) throws -> JSONNode {
        guard value.isFinite else {
            throw EncodingError.invalidValue(value, .init(codingPath: path, debugDescription: "JSON has no \(value)"))
        }
        return .raw(Array(JSONNumber.text(of: value).utf8))
    }
}

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
        members.set(
            key.stringValue, try JSONEncoding.node(for: value, path: codingPath + [key], attachments: attachments))
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) -> KeyedEncodingContainer<
        Nested
    > {
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
        encoder.node = try JSONEncoding.node(for: value, path: codingPath, attachments: encoder.attachments)
    }
}

/// A JSON value under construction. Containers are shared objects: an encoder returns one, and the caller fills it.
indirect enum JSONNode {
    /// Finished JSON.
    case raw([UInt8])
    case text(String)
    case integer(Int)
    case bool(Bool)
    case null
    case array(Elements)
    case object(Members)
    /// A value that its encoder's caller fills until ``write(to:key:)``.
    case pending(JSONNodeEncoder)

    final class Elements {
        var all: [JSONNode] = []
    }

    final class Members {
        private(set) var all: [(key: ByteString, value: JSONNode)] = []
        /// The indexes in ``all``; empty up to ``linearSearchLimit`` members, which are searched linearly.
        private var places: [ByteString: Int] = [:]
        private static let linearSearchLimit = 16

        func set(_ key: String, _ value: JSONNode) {
            let key = ByteString(key)
            if let index = places.isEmpty ? all.firstIndex(where: { $0.key == key }) : places[key] {
                all[index].value = value
                return
            }
            all.append((key, value))
            if !places.isEmpty {
                places[key] = all.count - 1
            } else if all.count > Self.linearSearchLimit {
                for (index, member) in all.enumerated() { places[member.key] = index }
            }
        }
    }

    func write(to json: inout JSONWriter, key: String? = nil) {
        switch self {
        case .raw(let raw): json.raw(raw, key: key)
        case .text(let text): json.text(text, key: key)
        case .integer(let number): json.integer(number, key: key)
        case .bool(let value): json.boolean(value, key: key)
        case .null: json.null(key: key)
        case .array(let elements):
            json.beginArray(key)
            for element in elements.all { element.write(to: &json) }
            json.endArray()
        case .object(let members):
            json.beginObject(key)
            for member in members.all { member.value.write(to: &json, key: member.key.text) }
            json.endObject()
        case .pending(let encoder):
            (encoder.node ?? .object(.init())).write(to: &json, key: key)
        }
    }
}
