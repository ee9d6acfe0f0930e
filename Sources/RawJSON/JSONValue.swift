import Support

/// A parsed JSON value, for the cold paths: claims, configuration, tests. Messages are never parsed into one.
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// The number as it was written, so that nothing is lost; read it through ``JSONNumber``.
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

    /// A number; `null` if `value` is infinite or not a number, as in `JSON.stringify`.
    public static func double(_ value: Double) -> JSONValue {
        guard value.isFinite else { return .null }
        return .number(ByteString(JSONNumber.text(of: value)))
    }

    /// The value of the member `key`, the last one if there are several; `nil` if there is none, or this is no object.
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

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(ByteString(value)) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(elements.map { Member($0, $1) }) }
}
