import Yams

/// A value of the file together with its place, so that whoever refuses it can say where it stands.
struct ConfigurationValue {
    let node: Node
    /// The way to it: `auth.algorithms[1]`.
    let key: String
    let reader: ConfigurationReader

    /// `nil` for a list or a section.
    var scalar: ConfigurationScalar? {
        node.scalar.map { ConfigurationScalar($0) }
    }

    /// The elements of a list, each with its own place; `nil` for anything else.
    var elements: [ConfigurationValue]? {
        guard case .sequence(let sequence) = node else { return nil }
        return sequence.enumerated().map { index, node in
            ConfigurationValue(node: node, key: "\(key)[\(index)]", reader: reader)
        }
    }

    /// Refuses the value in words such as `the text 'abc' is not a whole number`.
    func refuse(_ what: String, _ remedy: String) {
        reader.refuse(key, at: node.mark, what, remedy)
    }

    /// The value as a section, refused when it is none. `expectation` completes "expected …".
    func section(_ expectation: String) -> ConfigurationSection? {
        guard case .mapping(let mapping) = node else {
            refuse("\(described) stands here", "expected \(expectation)")
            return nil
        }
        return ConfigurationSection(mapping, key: key, reader: reader)
    }

    /// What the operator wrote, for the sentence that refuses it.
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
