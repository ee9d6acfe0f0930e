/// Reads one value.
struct JSONValueReader: SingleValueDecodingContainer {
    let reader: JSONReader
    var codingPath: [any CodingKey] { reader.codingPath }

    func decodeNil() -> Bool { reader.isNull }
    func decode<T: Decodable>(_ type: T.Type) throws -> T { try reader.read(type) }
}
