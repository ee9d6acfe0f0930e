import Support

/// Finds the members of a document that the type it is decoded as does not know: a misspelt key of a configuration
/// would have no effect, and nobody would notice.
///
/// A key is known if a type that reads its object has a `CodingKey` of that name. Objects that are not read as objects
/// (``JSON`` members, dictionaries) may have any.
///
/// Not thread-safe: for the one decoding it is made for.
final class UnknownKeys {
    private struct Object {
        let path: [any CodingKey]
        var unknown: [ByteString]
        /// What was asked for, as suggestions: the keys of a type cannot be listed.
        var asked: Set<ByteString> = []
    }

    /// By where they begin in the text.
    private var objects: [Int: Object] = [:]

    /// An object is going to be read by these keys.
    func open<Key: CodingKey>(
        _ start: Int, at path: [any CodingKey], _ names: some Sequence<ByteString>, as _: Key.Type
    ) {
        let unknown = names.filter { $0.count > JSONMembers.longestName || Key(stringValue: $0.text) == nil }
        guard let known = objects[start] else {
            objects[start] = Object(path: path, unknown: unknown)
            return
        }
        // Several types read parts of it.
        objects[start]?.unknown = known.unknown.filter { unknown.contains($0) }
    }

    func recordLookup(_ start: Int, for name: String) { objects[start]?.asked.insert(ByteString(name)) }

    /// `config.limits: unknown key 'romms', did you mean 'rooms'?`; nil if all are known.
    ///
    /// - Parameter isComplete: the decoding came to its end, so all keys were asked for.
    func problem(named name: String, isComplete: Bool) -> String? {
        guard let object = objects.filter({ !$0.value.unknown.isEmpty }).min(by: { $0.key < $1.key })?.value,
            let key = object.unknown.min()
        else { return nil }
        let known = object.asked.sorted().map(\.text)
        let advice =
            if let nearest = Spelling.nearest(to: key.text, among: known) {
                ", did you mean '\(nearest)'?"
            } else if isComplete, !known.isEmpty { "; known: \(known.joined(separator: ", "))" } else { "" }
        return "\(JSON.place(object.path, in: name)): unknown key '\(key.text.cut(to: 64))'\(advice)"
    }
}
