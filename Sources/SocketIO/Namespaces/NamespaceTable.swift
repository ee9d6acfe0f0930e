import Support

/// The namespaces that exist: names, and patterns that names may match. An immutable snapshot; when plugins are loaded
/// or unloaded, the host creates a new table and assigns it to ``Shard/namespaceTable``.
public struct NamespaceTable: Sendable {
    public enum Declaration: Sendable, Hashable {
        /// Exactly this name, which begins with a slash.
        case name(ByteString)
        /// All names in which this POSIX extended regular expression finds a match; anchor it with `^` and `$`.
        case pattern(ByteString)
    }

    private let names: [ByteString: Int]
    private let patterns: [(pattern: NamespacePattern, index: Int)]

    /// Contains the main namespace only.
    public static let main: NamespaceTable = NamespaceTable(names: ["/": 0], patterns: [])

    private init(names: [ByteString: Int], patterns: [(pattern: NamespacePattern, index: Int)]) {
        self.names = names
        self.patterns = patterns
    }

    /// - Throws: ``NamespaceTableError`` for the first invalid declaration. A name that is declared twice keeps its
    ///   first index.
    public init(_ declarations: [Declaration]) throws(NamespaceTableError) {
        var names: [ByteString: Int] = [:]
        var patterns: [(pattern: NamespacePattern, index: Int)] = []
        for (index, declaration) in declarations.enumerated() {
            switch declaration {
            case .name(let name):
                guard name.utf8.first == UInt8(ascii: "/"), Self.isWellFormed(name) else { throw .malformedName(name) }
                if names[name] == nil { names[name] = index }
            case .pattern(let expression):
                patterns.append((try NamespacePattern(expression), index))
            }
        }
        self.init(names: names, patterns: patterns)
    }

    /// Finds the declaration of `name`: the exact name if declared, otherwise the first pattern that matches.
    ///
    /// - Returns: the index of the declaration, in the order given at `init`; `nil` if there is no such namespace.
    public func declaration(for name: ByteString) -> Int? {
        if let index = names[name] { return index }
        guard !patterns.isEmpty, Self.isWellFormed(name) else { return nil }
        return patterns.first { $0.pattern.matches(name) }?.index
    }

    /// Whether `name` is declared as a name.
    func isStatic(_ name: ByteString) -> Bool {
        names[name] != nil
    }

    /// Excludes control characters, which would damage C strings and logs, and the comma, which ends a name in a
    /// packet.
    private static func isWellFormed(_ name: ByteString) -> Bool {
        name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: ",") }
    }
}

/// Why a namespace declaration is refused.
public enum NamespaceTableError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A name without its leading slash, or with a comma or a control character.
    case malformedName(ByteString)
    /// `reason` says where the expression is wrong, and why.
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
