/// Why a pointer could not be followed.
public enum JSONPointerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The pointer is neither empty nor begins with `/`, or holds a `~` that is followed by neither `0` nor `1`.
    case malformedPointer
    /// The document is not valid JSON, at least as far as the pointer leads through it.
    case malformedDocument

    public var description: String {
        switch self {
        case .malformedPointer: "malformed JSON pointer: it must be empty or begin with '/', and '~' must be written '~0', '/' in a key '~1'"
        case .malformedDocument: "the document is not valid JSON"
        }
    }
}
