import Support

/// The type of a value in the signature language.
public struct SignatureShape: Sendable, Hashable {
    indirect enum Kind: Sendable, Hashable {
        case bool
        case i32
        case i64
        case u32
        case u64
        case f32
        case f64
        case string
        case bytes
        case json
        case optional(SignatureShape)
        case array(SignatureShape)
        /// Closed, with the fields in the order in which `init(from:)` decodes them.
        case record([Field])
    }

    struct Field: Sendable, Hashable {
        let name: ByteString
        let shape: SignatureShape
    }

    let kind: Kind

    init(_ kind: Kind) { self.kind = kind }

    /// Derives the shape of a type; see ``SignatureValue``.
    init(of type: any Decodable.Type) throws(DerivationError) {
        do {
            self = try ShapeRecorder.derive(type, within: []).shape
        } catch let error as DerivationError {
            throw error
        } catch {
            throw DerivationError("\(type): \(error)")
        }
    }

    var isOptional: Bool {
        if case .optional = kind { true } else { false }
    }

    /// Whether the text is a name in the signature language: 1 to 64 letters, digits and underscores, not beginning
    /// with a digit.
    static func isName(_ name: String) -> Bool {
        let utf8 = name.utf8
        guard let first = utf8.first, !(0x30...0x39).contains(first), utf8.count <= 64 else { return false }
        return utf8.allSatisfy {
            switch $0 {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"): true
            default: false
            }
        }
    }
}

extension SignatureShape: CustomStringConvertible {
    /// As in a signature: `{items: json[], next: string?}`.
    public var description: String {
        switch kind {
        case .bool: "bool"
        case .i32: "i32"
        case .i64: "i64"
        case .u32: "u32"
        case .u64: "u64"
        case .f32: "f32"
        case .f64: "f64"
        case .string: "string"
        case .bytes: "bytes"
        case .json: "json"
        case .optional(let wrapped): "\(wrapped)?"
        case .array(let element): "\(element)[]"
        case .record(let fields): "{\(fields.map { "\($0.name.text): \($0.shape)" }.joined(separator: ", "))}"
        }
    }
}

/// The signature of a handler, derived from its Swift type.
struct DerivedSignature {
    /// The types of the parameters that are values; a ``Socket`` is none.
    let parameters: [SignatureShape]
    /// The names of the parameters; empty: they have none.
    let labels: [String]
    let canThrow: Bool
    /// nil: there is no result.
    let result: SignatureShape?

    /// - Parameter types: the types of the parameters; those that are no ``SignatureValue`` are left out.
    init(
        of types: [any Any.Type], labels: [String], canThrow: Bool, result: (any SignatureValue.Type)?
    ) throws(DerivationError) {
        var parameters: [SignatureShape] = []
        for type in types {
            if let type = type as? any SignatureValue.Type { parameters.append(try SignatureShape(of: type)) }
        }
        guard labels.isEmpty || labels.count == parameters.count else {
            throw DerivationError("'arguments' has \(labels.count) names for \(parameters.count) parameters")
        }
        if let wrong = labels.first(where: { !SignatureShape.isName($0) }) {
            throw DerivationError(
                "'\(wrong.cut(to: 64))' cannot be the name of an argument: use letters, digits and underscores")
        }
        self.parameters = parameters
        self.labels = labels
        self.canThrow = canThrow
        self.result = if let result { try SignatureShape(of: result) } else { nil }
    }

    /// `add(a: f64, b: f64) throws -> f64`.
    func text(named name: String = "") -> String {
        let parameters = parameters.enumerated().map { index, shape in
            labels.isEmpty ? "\(shape)" : "\(labels[index]): \(shape)"
        }
        var text = "\(name)(\(parameters.joined(separator: ", ")))"
        if canThrow { text += " throws" }
        if let result { text += " -> \(result)" }
        return text
    }
}

/// The types of a parameter pack, in order.
func list<each T>(of types: repeat (each T).Type) -> [any Any.Type] {
    var list: [any Any.Type] = []
    for type in repeat each types { list.append(type) }
    return list
}
