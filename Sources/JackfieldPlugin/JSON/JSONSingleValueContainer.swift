/// Writes one value.
struct JSONSingleValueContainer: SingleValueEncodingContainer {
    let encoder: JSONNodeEncoder
    var codingPath: [any CodingKey] { encoder.codingPath }

    func encodeNil() { encoder.node = .null }
    func encode(_ value: Double) throws { encoder.node = try JSONNodeEncoder.number(value, at: codingPath) }
    func encode(_ value: Float) throws { try encode(Double(value)) }
    func encode(_ value: String) { encoder.node = .text(value) }
    func encode(_ value: Bool) { encoder.node = .bool(value) }
    func encode(_ value: Int) { encoder.node = .integer(value) }
    func encode(_ value: Int64) { encoder.node = .raw(Array("\(value)".utf8)) }
    func encode(_ value: Int32) { encoder.node = .integer(Int(value)) }
    func encode(_ value: Int16) { encoder.node = .integer(Int(value)) }
    func encode(_ value: Int8) { encoder.node = .integer(Int(value)) }
    func encode(_ value: UInt) { encoder.node = .raw(Array("\(value)".utf8)) }
    func encode(_ value: UInt64) { encoder.node = .raw(Array("\(value)".utf8)) }
    func encode(_ value: UInt32) { encoder.node = .integer(Int(value)) }
    func encode(_ value: UInt16) { encoder.node = .integer(Int(value)) }
    func encode(_ value: UInt8) { encoder.node = .integer(Int(value)) }
    func encode<T: Encodable>(_ value: T) throws {
        encoder.node = try JSONEncoding.node(for: value, path: codingPath, attachments: encoder.attachments)
    }
}
