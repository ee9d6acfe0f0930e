import Support

/// The type of a parameter, a result, a field or an element. docs/signatures.md lists the C, JSON, TypeScript and Swift
/// form of each.
public indirect enum SignatureType: Sendable, Hashable {
    case bool
    case i32
    case i64
    case u32
    case u64
    case f32
    case f64
    case string
    /// A string without U+0000, for C functions that take a terminated string.
    case cstring
    case bytes
    /// Any JSON value, `null` included.
    case json
    /// The value may be `null`; as a parameter or a field, it may also be absent.
    case optional(SignatureType)
    case array(SignatureType)
    case record(Record)

    /// A JSON object with known members.
    public struct Record: Sendable, Hashable {
        /// In the order of the text. No two have the same name.
        public let fields: [Field]

        /// Whether other members are allowed: the text ends with `...`.
        public let isOpen: Bool

        public init(fields: [Field], isOpen: Bool = false) {
            self.fields = fields
            self.isOpen = isOpen
        }
    }

    public struct Field: Sendable, Hashable {
        public let name: ByteString
        public let type: SignatureType

        public init(name: ByteString, type: SignatureType) {
            self.name = name
            self.type = type
        }
    }

    /// Whether a value may be absent or `null`.
    public var isOptional: Bool {
        guard case .optional = self else { return false }
        return true
    }

    /// The name of a type that has no parts; `nil` for the others.
    static func named(_ name: ByteString) -> SignatureType? {
        byName.first { $0.name == name }?.type
    }

    static let byName: [(name: ByteString, type: SignatureType)] = [
        ("bool", .bool), ("i32", .i32), ("i64", .i64), ("u32", .u32), ("u64", .u64), ("f32", .f32), ("f64", .f64),
        ("string", .string), ("cstring", .cstring), ("bytes", .bytes), ("json", .json),
    ]
}

extension SignatureType: CustomStringConvertible {
    /// The canonical text: `{items: json[], next: string?}`.
    public var description: String {
        var text = ""
        write(to: &text)
        return text
    }

    func write(to text: inout String) {
        switch self {
        case .bool: text += "bool"
        case .i32: text += "i32"
        case .i64: text += "i64"
        case .u32: text += "u32"
        case .u64: text += "u64"
        case .f32: text += "f32"
        case .f64: text += "f64"
        case .string: text += "string"
        case .cstring: text += "cstring"
        case .bytes: text += "bytes"
        case .json: text += "json"
        case .optional(let type):
            type.write(to: &text)
            text += "?"
        case .array(let element):
            element.write(to: &text)
            text += "[]"
        case .record(let record):
            text += "{"
            for (index, field) in record.fields.enumerated() {
                text += index == 0 ? "" : ", "
                text += field.name.text + ": "
                field.type.write(to: &text)
            }
            if record.isOpen { text += record.fields.isEmpty ? "..." : ", ..." }
            text += "}"
        }
    }
}
