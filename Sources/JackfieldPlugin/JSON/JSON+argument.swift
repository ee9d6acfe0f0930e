import RawJSON

extension JSON {
    /// An argument of an event; nil if there are fewer.
    static func argument(_ index: Int, of arguments: [UInt8]) -> ArraySlice<UInt8>? {
        guard let token = try? JSONPointer.find("/\(index)", in: arguments) else { return nil }
        return arguments[token.range]
    }
}
