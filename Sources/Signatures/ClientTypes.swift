import Support

/// The events of a host, from which types for clients are written: ``TypeScriptTypes``, ``SwiftTypes``.
public struct ClientTypes: Sendable {
    public struct Event: Sendable, Hashable {
        public var namespace: ByteString
        public var name: ByteString

        /// `nil`: the arguments are not described, so a client may send and receive any.
        public var signature: Signature?

        /// Whether the server emits the event; otherwise clients emit it.
        public var isFromServer: Bool

        public init(namespace: ByteString, name: ByteString, signature: Signature?, isFromServer: Bool) {
            self.namespace = namespace
            self.name = name
            self.signature = signature
            self.isFromServer = isFromServer
        }
    }

    public var events: [Event]

    public init(events: [Event]) {
        self.events = events
    }
}

extension ClientTypes {
    /// The events of one namespace, by direction. Each list is sorted by name, and has each name once.
    struct Namespace {
        /// What the names of its types begin with: nothing for "/", `Chat` for "/chat". All namespaces have different
        /// prefixes.
        let prefix: ByteString
        let fromServer: [Event]
        let fromClient: [Event]
    }

    /// Sorted by name. "/" is always there, and first.
    var namespaces: [Namespace] {
        var found: [Namespace] = []
        var prefixes = UniqueNames()
        let events = Dictionary(grouping: events, by: \.namespace)
        for name in Set(events.keys).union(["/"]).sorted() {
            let prefix = name == "/" ? "" : prefixes.add(Self.typeName(name, or: "Namespace"))
            let own = events[name] ?? []
            found.append(
                Namespace(
                    prefix: prefix, fromServer: Self.sorted(own.filter(\.isFromServer)),
                    fromClient: Self.sorted(own.filter { !$0.isFromServer })))
        }
        return found
    }

    /// Of several events with one name, the one whose signature's text is the first in order counts; one without a
    /// signature counts if no other has any.
    private static func sorted(_ events: [Event]) -> [Event] {
        let keyed = events.map { (event: $0, text: ByteString($0.signature?.description ?? "~")) }
        return keyed.sorted { ($0.event.name, $0.text) < ($1.event.name, $1.text) }.map(\.event)
            .reduce(into: []) { if $0.last?.name != $1.name { $0.append($1) } }
    }

    /// The letters and digits of a name as the name of a type: `message:new` becomes `MessageNew`.
    static func typeName(_ name: ByteString, or other: StaticString) -> ByteString {
        var bytes: [UInt8] = []
        var beginsWord = true
        for byte in name.utf8 {
            let isLetter = byte | 0x20 &- 0x61 < 26
            if isLetter || byte &- 0x30 < 10 {
                bytes.append(isLetter && beginsWord ? byte & ~0x20 : byte)
                beginsWord = false
            } else {
                beginsWord = true
            }
        }
        guard let first = bytes.first else { return ByteString("\(other)") }
        return ByteString(decoding: first &- 0x30 < 10 ? [UInt8(ascii: "_")] + bytes : bytes)
    }
}

/// Names of one scope of generated code.
struct UniqueNames {
    private var used: Set<ByteString>

    init(_ used: Set<ByteString> = []) {
        self.used = used
    }

    /// Adds `name`, with a number at its end if it is in use, and returns it.
    mutating func add(_ name: ByteString) -> ByteString {
        var unique = name
        var number = 2
        while !used.insert(unique).inserted {
            unique = "\(name)_\(number)"
            number += 1
        }
        return unique
    }
}

extension ClientTypes {
    /// What the parameters are called in generated code: their own names where those are allowed, `arg1`… for those
    /// without a name. All are different.
    ///
    /// - Parameter reserved: words that are no names in the language, and names that the generated code uses itself.
    static func names(of parameters: [Signature.Parameter], reserved: Set<ByteString>) -> [ByteString] {
        let own = parameters.compactMap(\.name).filter { !reserved.contains($0) }
        var others = UniqueNames(reserved.union(own))
        return parameters.enumerated().map { index, parameter in
            guard let name = parameter.name else { return others.add("arg\(index + 1)") }
            return reserved.contains(name) ? others.add(name) : name
        }
    }
}
