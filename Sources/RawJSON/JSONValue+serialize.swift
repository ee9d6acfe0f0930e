extension JSONValue {
    /// The value as compact JSON, as `JSON.stringify` writes it: no white space, order kept.
    public var serialized: [UInt8] {
        var output: [UInt8] = []
        serialize(to: &output)
        return output
    }

    /// Appends the value as compact JSON.
    public func serialize(to output: inout [UInt8]) {
        switch self {
        case .null: output.append("null")
        case .bool(let value): output.append(value ? "true" : "false")
        case .number(let text): output.append(contentsOf: text.text.utf8)
        case .string(let text): JSONText.appendQuoted(text.text, to: &output)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.serialize(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                JSONText.appendQuoted(member.key.text, to: &output)
                output.append(UInt8(ascii: ":"))
                member.value.serialize(to: &output)
            }
            output.append(UInt8(ascii: "}"))
        }
    }
}

extension JSONValue: CustomStringConvertible {
    public var description: String { String(decoding: serialized, as: UTF8.self) }
}
