import RawJSON
import Yams

/// A value of the file with its place, which a problem with the value names.
struct ConfigurationValue {
    let node: Node
    /// Its path in the file, such as `auth.algorithms[1]`.
    let key: String
    let reader: ConfigurationReader

    /// `nil` for a list or a section.
    var scalar: ConfigurationScalar? {
        node.scalar.map { ConfigurationScalar($0) }
    }

    /// The elements of a list, each with its place; `nil` for anything else.
    var elements: [ConfigurationValue]? {
        guard case .sequence(let sequence) = node else { return nil }
        return sequence.enumerated().map { index, node in
            ConfigurationValue(node: node, key: "\(key)[\(index)]", reader: reader)
        }
    }

    /// Refuses the value. `what` is a clause such as `the text 'abc' is not a whole number`.
    func refuse(_ what: String, _ remedy: String) {
        reader.refuse(key, at: node.mark, what, remedy)
    }

    /// The value as a section; refuses any other value. `expectation` completes "expected …".
    func section(_ expectation: String) -> ConfigurationSection? {
        guard case .mapping(let mapping) = node else {
            refuse("\(described) stands here", "expected \(expectation)")
            return nil
        }
        return ConfigurationSection(mapping, key: key, reader: reader)
    }

    /// What the operator wrote, in the words of a problem.
    var described: String {
        switch node {
        case .sequence: return "a list"
        case .mapping: return "a section"
        case .alias: return "an alias"
        case .scalar(let scalar):
            switch ConfigurationScalar(scalar) {
            case .null: return "nothing"
            case .boolean, .integer, .number: return scalar.string
            case .text: return "'\(scalar.string)'"
            }
        }
    }
}

/// A scalar by YAML 1.2's core schema. `yes`, `no`, `on` and `off` are text, so that the country code `no` stays text.
enum ConfigurationScalar: Equatable {
    /// Nothing, `~` or `null`.
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
}

extension ConfigurationScalar {
    init(_ scalar: Node.Scalar) {
        let quoted = scalar.style != .plain && scalar.style != .any
        self =
            quoted || scalar.tag.rawValue == Tag.Name.str.rawValue ? .text(scalar.string) : Self(plain: scalar.string)
    }

    init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case "true", "True", "TRUE": self = .boolean(true)
        case "false", "False", "FALSE": self = .boolean(false)
        default:
            if let integer = Self.integer(text) {
                self = .integer(integer)
            } else if let number = Self.number(text) {
                self = .number(number)
            } else {
                self = .text(text)
            }
        }
    }

    private static func integer(_ text: String) -> Int? {
        if text.hasPrefix("0x") { return Int(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0o") { return Int(text.dropFirst(2), radix: 8) }
        return Int(text)
    }

    /// Parses YAML's numbers only: `Double.init` also accepts `nan`, `infinity` and hexadecimal floats, which YAML does
    /// not have or spells differently.
    private static func number(_ text: String) -> Double? {
        switch text {
        case ".inf", ".Inf", ".INF", "+.inf": return .infinity
        case "-.inf", "-.Inf", "-.INF": return -.infinity
        case ".nan", ".NaN", ".NAN": return .nan
        default:
            let allowed = text.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.eE".utf8.contains(byte)
            }
            return allowed ? Double(text) : nil
        }
    }
}

extension ConfigurationRule where Value == [UInt8] {
    /// Any YAML as JSON text, with keys in the order of the file.
    static var json: Self {
        ConfigurationRule { value in value.json.map { $0.serialized } }
    }
}

extension ConfigurationValue {
    /// The value as JSON; `nil` after refusing a value that JSON does not have.
    fileprivate var json: JSONValue? {
        switch node {
        case .sequence:
            let elements = (elements ?? []).map(\.json)
            return elements.contains(nil) ? nil : .array(elements.compactMap { $0 })
        case .mapping(let mapping):
            let members = mapping.map { member(named: $0.key, $0.value) }
            return members.contains(nil) ? nil : .object(members.compactMap { $0 })
        case .scalar(let scalar):
            return json(of: ConfigurationScalar(scalar))
        case .alias:
            return .null
        }
    }

    private func member(named name: Node, _ node: Node) -> JSONValue.Member? {
        guard case .scalar(let scalar) = name else {
            reader.refuse(key, at: name.mark, "a list or section stands where a key belongs", "write `key: value`")
            return nil
        }
        let value = ConfigurationValue(node: node, key: "\(key).\(scalar.string)", reader: reader)
        return value.json.map { JSONValue.Member(scalar.string, $0) }
    }

    private func json(of scalar: ConfigurationScalar) -> JSONValue? {
        switch scalar {
        case .null: return .null
        case .boolean(let boolean): return .bool(boolean)
        case .integer(let integer): return .integer(Int64(integer))
        case .text(let text): return .string(text)
        case .number(let number):
            guard number.isFinite else {
                refuse("JSON, in which plugins are configured, has no such number", "write a finite one, or quote it")
                return nil
            }
            return .double(number)
        }
    }
}
