import Support

/// The namespaces that exist: names, and patterns that names may match. An immutable snapshot; the host makes a new
/// one, and hands it to ``Shard/namespaceTable``, when plugins come and go.
public struct NamespaceTable: Sendable {
    public enum Declaration: Sendable, Hashable {
        /// Exactly this name; begins with a slash.
        case name(ByteString)
        /// Every name that this POSIX extended regular expression finds a match in; anchor it with `^` and `$`.
        case pattern(ByteString)
    }

    private let names: [ByteString: Int]
    private let patterns: [(pattern: NamespacePattern, index: Int)]

    /// Every client can join the main namespace, and no other.
    public static let main: NamespaceTable = NamespaceTable(names: ["/": 0], patterns: [])

    private init(names: [ByteString: Int], patterns: [(pattern: NamespacePattern, index: Int)]) {
        self.names = names
        self.patterns = patterns
    }

    /// - Throws: ``NamespaceTableError``, naming the declaration at fault. A name declared twice keeps its first place.
    public init(_ declarations: [Declaration]) throws(NamespaceTableError) {
        var names: [ByteString: Int] = [:]
        var patterns: [(pattern: NamespacePattern, index: Int)] = []
        for (index, declaration) in declarations.enumerated() {
            switch declaration {
            case .name(let name):
                guard name.utf8.first == UInt8(ascii: "/"), Self.isSpeakable(name) else { throw .malformedName(name) }
                if names[name] == nil { names[name] = index }
            case .pattern(let expression):
                patterns.append((try NamespacePattern(expression), index))
            }
        }
        self.init(names: names, patterns: patterns)
    }

    /// Which declaration `name` exists by: its exact name's if there is one, else that of the first pattern it matches.
    ///
    /// - Returns: the index of the declaration, in the order given at `init`; `nil` if there is no such namespace.
    public func declaration(for name: ByteString) -> Int? {
        if let index = names[name] { return index }
        guard !patterns.isEmpty, Self.isSpeakable(name) else { return nil }
        return patterns.first { $0.pattern.matches(name) }?.index
    }

    /// Whether `name` is one of those declared as names.
    func isStatic(_ name: ByteString) -> Bool {
        names[name] != nil
    }

    /// No control characters, which C's strings and everyone's logs would stumble over, and no comma, which
    /// ends a name on the wire.
    private static func isSpeakable(_ name: ByteString) -> Bool {
        name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: ",") }
    }
}

/// Why a declaration of namespaces is refused.
public enum NamespaceTableError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A name without its slash, or with a comma or a control character in it.
    case malformedName(ByteString)
    /// Where the expression is wrong, and why.
    case malformedPattern(ByteString, reason: String)

    public var description: String {
        switch self {
        case .malformedName(let name):
            "namespace '\(name)': a name begins with '/' and holds neither commas nor control characters"
        case .malformedPattern(let pattern, let reason):
            "namespace pattern '\(pattern)': no POSIX extended regular expression: \(reason)"
        }
    }
}
