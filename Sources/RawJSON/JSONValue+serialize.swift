extension JSONValue {
    /// The value as compact JSON, as `JSON.stringify` writes it: no white space, order kept.
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
