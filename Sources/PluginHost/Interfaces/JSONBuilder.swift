import RawJSON
import Support

/// Builds the few JSON objects that the host itself writes: no spaces, keys in the order given.
struct JSONBuilder {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    mutating func beginObject(_ key: String? = nil) { open(key, UInt8(ascii: "{")) }
    mutating func beginArray(_ key: String? = nil) { open(key, UInt8(ascii: "[")) }
    mutating func endObject() { close(UInt8(ascii: "}")) }
    mutating func endArray() { close(UInt8(ascii: "]")) }

    mutating func text(_ value: String, key: String? = nil) {
        begin(key)
        JSONText.appendQuoted(value, to: &bytes)
        needsComma = true
    }

    mutating func text(_ value: ByteString, key: String? = nil) { text(value.text, key: key) }

    mutating func optional(_ value: ByteString?, key: String) {
        if let value { text(value, key: key) } else { raw(Array("null".utf8), key: key) }
    }

    mutating func integer(_ value: Int64, key: String? = nil) {
        begin(key)
        bytes.append(contentsOf: String(value).utf8)
        needsComma = true
    }

    mutating func boolean(_ value: Bool, key: String? = nil) {
        raw(Array((value ? "true" : "false").utf8), key: key)
    }

    /// JSON as it is; nothing at all counts as `null`.
    mutating func raw(_ value: [UInt8], key: String? = nil) {
        begin(key)
        bytes.append(contentsOf: value.isEmpty ? Array("null".utf8) : value)
        needsComma = true
    }

    private mutating func begin(_ key: String?) {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        if let key {
            JSONText.appendQuoted(key, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
        }
    }

    private mutating func open(_ key: String?, _ bracket: UInt8) {
        begin(key)
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }
}
