/// Why a value could not be set.
public enum JSONEditError: Error, Sendable, Hashable, CustomStringConvertible {
    /// See ``JSONPointerError/malformedPointer``.
    case malformedPointer
    /// The document is not valid JSON.
    case malformedDocument
    /// The value to set is not valid JSON.
    case malformedValue
    /// Nothing stands where the pointer's last step but one leads, or something that is neither object nor array.
    case missingParent
    /// The last step leads into an array and is neither `-` nor an index of at most the array's length.
    case badIndex

    public var description: String {
        switch self {
        case .malformedPointer: JSONPointerError.malformedPointer.description
        case .malformedDocument: JSONPointerError.malformedDocument.description
        case .malformedValue: "the value is not valid JSON"
        case .missingParent: "nothing to set a value in: the pointer's parent does not exist, or is neither an object nor an array"
        case .badIndex: "the pointer ends in an array: its last step must be '-' or an index of at most the array's length"
        }
    }

    init(_ error: JSONPointerError) {
        switch error {
        case .malformedPointer: self = .malformedPointer
        case .malformedDocument: self = .malformedDocument
        }
    }
}
