import RawJSON

/// The `Encoder` behind ``JSONEncoding``. It lives for one call on one thread.
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
        KeyedEncodingContainer(JSONKeyedContainer<Key>(members: members(), codingPath: codingPath, attachments: attachments))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        JSONUnkeyedContainer(elements: elements(), codingPath: codingPath, attachments: attachments)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { JSONSingleValueContainer(encoder: self) }

    /// A second container of the same kind goes on with the first, as `Encodable` superclasses expect.
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
