import Yams

extension ConfigurationRule where Value == [String] {
    /// A list of names, or one text with commas between them, as Node's `cors` takes both.
    static func names(_ element: ConfigurationRule<String>) -> Self {
        ConfigurationRule { value in
            guard case .scalar(let scalar) = value.node, scalar.string.contains(",") else {
                return element.list.apply(value)
            }
            let parts = scalar.string.split(separator: ",").map { part in
                let text = String(part.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
                let node = Node.scalar(Node.Scalar(text, scalar.tag, scalar.style, scalar.mark))
                return element.apply(ConfigurationValue(node: node, key: value.key, reader: value.reader))
            }
            return parts.contains(nil) ? nil : parts.compactMap { $0 }
        }
    }
}
