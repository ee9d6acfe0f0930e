import RawJSON
import Yams

extension ConfigurationRule where Value == [UInt8] {
    /// Any YAML as JSON text, keys in the order of the file.
    static var json: Self {
        ConfigurationRule { value in value.json.map { $0.serialized } }
    }
}

extension ConfigurationValue {
    /// The value as JSON, `nil` after refusing what JSON has no word for.
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
