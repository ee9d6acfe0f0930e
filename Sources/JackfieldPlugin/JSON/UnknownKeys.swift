import Support

/// Finds the members of a document that the decoded type does not know, such as misspelt keys of a configuration, which
/// would have no effect otherwise.
///
/// A key is known if a type that reads its object has a `CodingKey` of that name. ``JSON`` members and dictionaries may
/// have any keys.
///
/// Not thread-safe; for one decoding.
final class UnknownKeys {
    private struct Object {
        let path: [any CodingKey]
        var unknown: [ByteString]
        /// The names that the type looked up, as suggestions: the keys of a type cannot be listed.
        var asked: Set<ByteString> = []
    }

    /// By their offset in the text.
    private var objects: [Int: Object] = [:]

    /// Records an object that a type is going to read: of `names`, those that are no `Key` are unknown.
    func open<Key: CodingKey>(
        _ start: Int, at path: [any CodingKey], _ names: some Sequence<ByteString>, as _: Key.Type
    ) {
        let unknown = names.filter { $0.count > JSONMembers.longestName || Key(stringValue: $0.text) == nil }
        guard let known = objects[start] else {
            objects[start] = Object(path: path, unknown: unknown)
            return
        }
        // If several types read the object, a key is unknown only if all of them do not know it.
        objects[start]?.unknown = known.unknown.filter { unknown.contains($0) }
    }

    func recordLookup(_ start: Int, for name: String) { objects[start]?.asked.insert(ByteString(name)) }

    /// `config.limits: unknown key 'romms', did you mean 'rooms'?`; nil if all are known.
    ///
    /// - Parameter isComplete: the decoding succeeded, so the type has looked up all its keys.
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
