import Support

/// A parsed JSON value, for code that is not performance-critical: claims, configuration, tests. Messages are never
/// parsed into it.
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// The number's text, unchanged, so that no precision is lost; read it through ``JSONNumber``.
    case number(ByteString)
    case string(ByteString)
    case array([JSONValue])
    /// Members in document order, duplicates included.
    case object([Member])

    public struct Member: Sendable, Hashable {
        public var key: ByteString
        public var value: JSONValue

        public init(_ key: ByteString, _ value: JSONValue) {
            self.key = key
            self.value = value
        }

        public init(_ key: String, _ value: JSONValue) {
            self.init(ByteString(key), value)
        }
    }

    public static func string(_ text: String) -> JSONValue { .string(ByteString(text)) }
    public static func number(_ text: String) -> JSONValue { .number(ByteString(text)) }

    public static func integer(_ value: some FixedWidthInteger & Sendable) -> JSONValue {
        .number(ByteString(String(value)))
    }

    /// A number; `null` if `value` is infinite or NaN, as in `JSON.stringify`.
    public static func double(_ value: Double) -> JSONValue {
        guard value.isFinite else { return .null }
        return .number(ByteString(JSONNumber.text(of: value)))
    }

    /// The value of the member `key`, the last one if there are several; `nil` if there is none, or this is not an
    /// object.
    public subscript(key: ByteString) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == key }?.value
    }

    public var string: ByteString? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    public var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    public var array: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    public var object: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    public var number: JSONNumber? {
        guard case .number(let text) = self else { return nil }
        return text.withBytes { JSONNumber($0) }
    }

    public var kind: JSONKind {
        switch self {
        case .null: .null
        case .bool: .bool
        case .number: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByNilLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(ByteString(value)) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements.map { Member($0, $1) }) }
}

extension JSONValue {
    /// Parses one document.
    ///
    /// - Throws: ``JSONSyntaxError`` with the offset of the first byte at fault.
    public init(parsing bytes: UnsafeRawBufferPointer) throws(JSONSyntaxError) {
        let token = try JSONScanner.document(bytes)
        self.init(valid: UnsafeRawBufferPointer(rebasing: bytes[token.range]))
    }

    /// Parses one document.
    ///
    /// - Throws: ``JSONSyntaxError`` with the offset of the first byte at fault.
    public init(parsing bytes: [UInt8]) throws(JSONSyntaxError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(JSONSyntaxError) in try JSONValue(parsing: bytes) }
        }
        self = try result.get()
    }

    /// Parses one document.
    ///
    /// - Throws: ``JSONSyntaxError`` with the offset of the first byte at fault.
    public init(parsing text: String) throws(JSONSyntaxError) {
        try self.init(parsing: Array(text.utf8))
    }

    /// Builds the tree of a value that has passed ``JSONScanner``, which limits the depth of this recursion.
    private init(valid bytes: UnsafeRawBufferPointer) {
        switch JSONKind(firstByte: bytes[0]) {
        case .bool: self = .bool(bytes[0] == UInt8(ascii: "t"))
        case .number: self = .number(ByteString(decoding: bytes))
        case .string: self = .string(JSONText.byteString(bytes) ?? "")
        case .array:
            var elements: [JSONValue] = []
            var walker = JSONArrayWalker(bytes)
            while case .element(let range) = walker.next() {
                elements.append(JSONValue(valid: UnsafeRawBufferPointer(rebasing: bytes[range])))
            }
            self = .array(elements)
        case .object:
            var members: [Member] = []
            var walker = JSONObjectWalker(bytes)
            while case .member(let key, let value) = walker.next() {
                let key = JSONText.byteString(UnsafeRawBufferPointer(rebasing: bytes[key])) ?? ""
                members.append(Member(key, JSONValue(valid: UnsafeRawBufferPointer(rebasing: bytes[value]))))
            }
            self = .object(members)
        case .null, nil: self = .null
        }
    }
}

extension JSONValue {
    /// Compact JSON, as `JSON.stringify` writes it: no white space, in the same order.
    public var serialized: [UInt8] {
        var json = JSONWriter()
        write(to: &json)
        return json.bytes
    }

    private func write(to json: inout JSONWriter, key: String? = nil) {
        switch self {
        case .null: json.null(key: key)
        case .bool(let value): json.boolean(value, key: key)
        case .number(let text): json.raw(text.utf8, key: key)
        case .string(let text): json.text(text, key: key)
        case .array(let elements):
            json.beginArray(key)
            for element in elements { element.write(to: &json) }
            json.endArray()
        case .object(let members):
            json.beginObject(key)
            for member in members { member.value.write(to: &json, key: member.key.text) }
            json.endObject()
        }
    }
}

extension JSONValue: CustomStringConvertible {
    public var description: String { String(decoding: serialized, as: UTF8.self) }
}
