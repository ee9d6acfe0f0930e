import Support

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
