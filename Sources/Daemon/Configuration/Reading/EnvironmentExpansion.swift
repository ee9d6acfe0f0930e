import Yams

/// Replaces `${NAME}` in the scalars of a YAML tree; `$${` is a literal `${`.
///
/// It works on the parsed tree, so that the value of a variable cannot become YAML structure, for example a password
/// with a colon. A plain scalar is typed by its expanded text (`port: ${PORT}` is a number); a quoted one stays text.
struct EnvironmentExpansion {
    let environment: [String: String]
    let reader: ConfigurationReader

    func expand(_ node: Node, key: String) -> Node {
        switch node {
        case .scalar(let scalar):
            return .scalar(expand(scalar, key: key))
        case .sequence(var sequence):
            for index in sequence.indices { sequence[index] = expand(sequence[index], key: "\(key)[\(index)]") }
            return .sequence(sequence)
        case .mapping(let mapping):
            let pairs = mapping.map { name, value in
                (name, expand(value, key: key.isEmpty ? name.string ?? "" : "\(key).\(name.string ?? "")"))
            }
            return .mapping(Node.Mapping(pairs, mapping.tag, mapping.style, mapping.mark))
        case .alias:
            return node
        }
    }

    private func expand(_ scalar: Node.Scalar, key: String) -> Node.Scalar {
        guard scalar.string.contains("${") else { return scalar }
        var text = ""
        var rest = scalar.string[...]
        while let dollar = rest.firstRange(of: "${") {
            if rest[..<dollar.lowerBound].hasSuffix("$") {
                text += rest[..<dollar.lowerBound].dropLast() + "${"
                rest = rest[dollar.upperBound...]
                continue
            }
            text += rest[..<dollar.lowerBound]
            let tail = rest[dollar.upperBound...]
            guard let close = tail.firstIndex(of: "}"), Self.isName(tail[..<close]) else {
                return refused(
                    scalar, key: key, "'${' does not begin a variable",
                    "write ${NAME} with letters, digits and _, or $${ for a literal ${")
            }
            let name = String(tail[..<close])
            guard let value = environment[name] else {
                return refused(
                    scalar, key: key, "the environment has no variable \(name)",
                    "export it before the start, or remove the key to get its default")
            }
            text += value
            rest = tail[tail.index(after: close)...]
        }
        text += rest
        // An empty variable is an empty text and not an absent key, so that a setting that needs a value refuses it.
        let style: Node.Scalar.Style = ConfigurationScalar(plain: text) == .null ? .doubleQuoted : scalar.style
        return Node.Scalar(text, scalar.tag, style, scalar.mark)
    }

    /// Reports a problem and returns `null`: the key then counts as absent and causes no second problem.
    private func refused(_ scalar: Node.Scalar, key: String, _ what: String, _ remedy: String) -> Node.Scalar {
        reader.refuse(key, at: scalar.mark, what, remedy)
        return Node.Scalar("null", Tag(.implicit, .basic), .plain, scalar.mark)
    }

    private static func isName(_ name: Substring) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                return true
            default: return false
            }
        }
    }
}
