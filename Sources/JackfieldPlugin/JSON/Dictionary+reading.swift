import RawJSON
import Support

/// An object of any members. Its keys become Swift `String`s, which cost more than their length to compare, so they are bounded.
extension Dictionary: JSONReadable where Key == String, Value: Decodable {
    init(reading reader: JSONReader) throws {
        guard reader.kind == .object else { throw reader.mismatch(Self.self) }
        let members = JSONMembers(of: reader.document, from: reader.range.lowerBound).all
        self.init(minimumCapacity: members.count)
        for (name, range) in members {
            guard name.count <= JSONMembers.longestName else {
                throw reader.corrupted("a key has \(name.count) bytes, more than \(JSONMembers.longestName)")
            }
            let member = JSONReader(reader.document, range, in: reader.codingPath, at: JSONKey(name.text))
            if member.isNull, !(Value.self is any ExpressibleByNilLiteral.Type), Value.self != JSON.self { throw member.foundNull(Value.self) }
            self[name.text] = try member.read(Value.self)
        }
    }
}

/// The name of a member that no source code names, as part of a coding path.
private struct JSONKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { return nil }
}
