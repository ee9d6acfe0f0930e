import CJackfield

/// Values of service calls in messages.
extension WireWriter {
    /// Deeper values are refused: no signature describes them.
    static let deepestValue = 64

    /// Writes a value that was checked against its type, so its pointers are right.
    mutating func value(_ value: jf_value) {
        integer(value.kind)
        switch value.kind {
        case JF_VALUE_STRING, JF_VALUE_JSON: text(value.val.text)
        case JF_VALUE_BYTES: octets(value.val.bytes)
        case JF_VALUE_ARRAY, JF_VALUE_RECORD: values(value.val.items, value.count)
        default: integer(value.val.u64)
        }
    }

    mutating func values(_ values: UnsafePointer<jf_value>?, _ count: UInt32) {
        integer(count)
        flag(values != nil)
        guard let values else { return }
        for index in 0..<Int(count) { value(values[index]) }
    }

    /// Bytes of values in a message, at least; nil if they exceed ``WireLimit/largestCall`` or are nested too deeply.
    /// Values that were not checked yet: a pointer that is NULL has no bytes.
    static func size(of values: UnsafePointer<jf_value>?, _ count: UInt32, depth: Int = 0) -> Int? {
        guard depth <= deepestValue, Int(count) <= WireLimit.largestCall / 12 else { return nil }
        guard let values else { return 4 }
        var size = 4
        for index in 0..<Int(count) {
            let value = values[index]
            switch value.kind {
            case JF_VALUE_STRING, JF_VALUE_JSON, JF_VALUE_BYTES:
                guard value.val.text.len <= UInt64(WireLimit.largestCall) || value.val.text.ptr == nil else {
                    return nil
                }
                size += 16 + value.val.text.bytes.count
            case JF_VALUE_ARRAY, JF_VALUE_RECORD:
                guard let items = value.val.items else {
                    size += 8
                    continue
                }
                guard let more = self.size(of: items, value.count, depth: depth + 1) else { return nil }
                size += 8 + more
            default: size += 12
            }
            guard size <= WireLimit.largestCall else { return nil }
        }
        return size
    }
}

extension WireReader {
    /// Reads a value. Its kind may be any number: the code that uses the value compares it with a type.
    mutating func value(depth: Int = 0) throws(MalformedMessage) -> jf_value {
        guard depth <= WireWriter.deepestValue else { throw MalformedMessage(problem: "a value is nested too deeply") }
        var value = jf_none()
        value.kind = try integer()
        switch value.kind {
        case JF_VALUE_STRING, JF_VALUE_JSON: value.val.text = try text()
        case JF_VALUE_BYTES: value.val.bytes = try octets()
        case JF_VALUE_ARRAY, JF_VALUE_RECORD:
            (value.val.items, value.count) = try values(depth: depth + 1)
        default: value.val.u64 = try integer()
        }
        return value
    }

    mutating func values() throws(MalformedMessage) -> (items: UnsafePointer<jf_value>?, count: UInt32) {
        try values(depth: 0)
    }

    private mutating func values(depth: Int) throws(MalformedMessage) -> (
        items: UnsafePointer<jf_value>?, count: UInt32
    ) {
        let count = try integer(UInt32.self)
        guard try flag() else { return (nil, count) }
        guard Int(count) <= left / 8 else {
            throw MalformedMessage(problem: "a list of values is longer than the message")
        }
        let items = arena.allocate(jf_value.self, Int(count))
        for index in 0..<Int(count) { (items + index).initialize(to: try value(depth: depth)) }
        return (UnsafePointer(items), count)
    }
}
