import RawJSON

extension JSON {
    /// The text of the value at a path of members and elements inside a document; nil if there is none. Of equal keys the last
    /// counts, as in `JSON.parse`.
    static func slice(of document: [UInt8], at path: [any CodingKey]) -> ArraySlice<UInt8>? {
        let pointer = path.map { key in
            "/" + (key.intValue.map { "\($0)" } ?? key.stringValue.replacing("~", with: "~0").replacing("/", with: "~1"))
        }
        guard let token = try? JSONPointer.find(pointer.joined(), in: document) else { return nil }
        return document[token.range]
    }

    /// An argument of an event; nil if there are fewer.
    static func argument(_ index: Int, of arguments: [UInt8]) -> ArraySlice<UInt8>? {
        guard let token = try? JSONPointer.find("/\(index)", in: arguments) else { return nil }
        return arguments[token.range]
    }
}
