import RawJSON

/// Puts a JSON object together, member by member, where an `Encodable` type would be too slow: for what is encoded once per message.
public struct JSONObject: Sendable {
    private var bytes: [UInt8]

    public init(reserving capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
        bytes.append(UInt8(ascii: "{"))
    }

    public mutating func set(_ key: StaticString, _ value: String) {
        begin(key)
        JSONText.appendQuoted(value, to: &bytes)
    }

    /// nil becomes null.
    public mutating func set(_ key: StaticString, _ value: String?) {
        if let value { set(key, value) } else { set(key, JSON.null) }
    }

    public mutating func set(_ key: StaticString, _ value: JSON?) {
        begin(key)
        bytes += (value ?? .null).bytes
    }

    public mutating func set(_ key: StaticString, _ value: Int) {
        begin(key)
        bytes += JSON(value).bytes
    }

    public mutating func set(_ key: StaticString, _ value: Bool) {
        begin(key)
        append(value ? "true" : "false")
    }

    public var json: JSON {
        JSON(
            unchecked: [UInt8](unsafeUninitializedCapacity: bytes.count + 1) { out, count in
                let end = out.initialize(fromContentsOf: bytes)
                out.initializeElement(at: end, to: UInt8(ascii: "}"))
                count = end + 1
            })
    }

    private mutating func begin(_ key: StaticString) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        append(key)
        append("\":")
    }

    private mutating func append(_ text: StaticString) { text.withUTF8Buffer { bytes += $0 } }
}

extension JSON {
    /// Several values as one JSON array.
    public static func array(_ values: [JSON]) -> JSON {
        var bytes = [UInt8(ascii: "[")]
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes += value.bytes
        }
        bytes.append(UInt8(ascii: "]"))
        return JSON(unchecked: bytes)
    }

    /// JSON that was checked when it was stored.
    public static func stored(_ text: String) -> JSON { JSON(unchecked: Array(text.utf8)) }
}
