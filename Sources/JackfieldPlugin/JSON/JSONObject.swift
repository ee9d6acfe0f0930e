import RawJSON

/// Builds a JSON object member by member. It is faster than an `Encodable` type, for objects that are encoded once per
/// message.
public struct JSONObject: Sendable {
    private var members: JSONWriter

    public init(reserving capacity: Int = 256) {
        members = JSONWriter(reserving: capacity)
        members.beginObject()
    }

    public mutating func set(_ key: StaticString, _ value: String) {
        members.name(key)
        members.text(value)
    }

    /// nil becomes null.
    public mutating func set(_ key: StaticString, _ value: String?) {
        if let value { set(key, value) } else { set(key, JSON.null) }
    }

    public mutating func set(_ key: StaticString, _ value: JSON?) {
        members.name(key)
        members.raw(value?.bytes ?? [])
    }

    public mutating func set(_ key: StaticString, _ value: Int) {
        members.name(key)
        members.integer(value)
    }

    public mutating func set(_ key: StaticString, _ value: Bool) {
        members.name(key)
        members.boolean(value)
    }

    public var json: JSON {
        var whole = members
        whole.endObject()
        return JSON(unchecked: whole.bytes)
    }
}

extension JSON {
    /// Several values as one JSON array.
    public static func array(_ values: [JSON]) -> JSON {
        var array = JSONWriter()
        array.beginArray()
        for value in values { array.raw(value.bytes) }
        array.endArray()
        return JSON(unchecked: array.bytes)
    }

    /// JSON that was checked before it was stored. It is not checked again.
    public static func stored(_ text: String) -> JSON { JSON(unchecked: Array(text.utf8)) }
}
