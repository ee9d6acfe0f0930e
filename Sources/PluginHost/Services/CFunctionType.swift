import CFunctionCall
import CJackfield
import Signatures

/// The type of a C function that a signature describes, prepared once for libffi. docs/signatures.md has the table.
///
/// `@unchecked Sendable`: the C structure is immutable. It is never freed, because function pointers need it for ever.
final class CFunctionType: @unchecked Sendable {
    /// Why a signature describes no C function.
    struct Unsupported: Error {
        let problem: String
    }

    /// Who calls the function.
    enum Use {
        /// The host calls a function of a plugin or of another library.
        case called
        /// The host makes the function, and a plugin calls it.
        case made
    }

    let pointer: OpaquePointer

    /// - Throws: ``Unsupported`` if the result has no form in C, or libffi refuses the type.
    init(_ signature: Signature, _ use: Use) throws(Unsupported) {
        var parameters = signature.parameters.map { Self.form(of: $0.type) }
        let result = try Self.resultForm(of: signature.result, use)
        guard parameters.count <= Int(JF_FORM_LIMIT),
            let made = jf_function_type_make(&parameters, UInt32(parameters.count), result, signature.canFail)
        else { throw Unsupported(problem: "libffi does not accept the type of '\(signature)'") }
        pointer = made
    }

    private static func form(_ form: Int, _ kind: UInt32, isOptional: Bool = false) -> jf_form {
        jf_form(form: UInt8(form), kind: UInt8(kind), is_optional: isOptional)
    }

    private static func form(of type: SignatureType) -> jf_form {
        if let kind = type.scalarKind { return form(Int(kind), kind) }
        switch type {
        case .string: return form(JF_FORM_TEXT, JF_VALUE_STRING)
        case .bytes: return form(JF_FORM_TEXT, JF_VALUE_BYTES)
        case .json: return form(JF_FORM_TEXT, JF_VALUE_JSON)
        case .cstring: return form(JF_FORM_CSTRING, JF_VALUE_STRING)
        case .array(let element):
            return element.scalarKind.map { form(JF_FORM_ELEMENTS + Int($0), JF_VALUE_ARRAY) }
                ?? form(JF_FORM_VALUE, JF_VALUE_ARRAY)
        case .optional(let wrapped):
            if let kind = wrapped.scalarKind { return form(JF_FORM_POINTER + Int(kind), kind, isOptional: true) }
            var present = form(of: wrapped)
            present.is_optional = true
            return present
        default: return form(JF_FORM_VALUE, JF_VALUE_RECORD)
        }
    }

    private static func resultForm(of type: SignatureType?, _ use: Use) throws(Unsupported) -> jf_form {
        guard let type else { return form(JF_FORM_NONE, JF_VALUE_NONE) }
        if let kind = type.scalarKind { return form(Int(kind), kind) }
        switch (type, use) {
        case (.string, _), (.bytes, _), (.json, _): return form(of: type)
        case (.cstring, .called), (.optional(.cstring), .called): return form(of: type)
        case (.cstring, .made), (.optional(.cstring), .made):
            throw Unsupported(
                problem: "a function cannot return a terminated string that nobody would free; use string as the result"
            )
        default:
            throw Unsupported(
                problem: "a C function cannot return '\(type)'; docs/signatures.md has the types that it can")
        }
    }
}

extension SignatureType {
    /// The kind of a value of a type that C passes in a register; nil for other types.
    var scalarKind: UInt32? {
        switch self {
        case .bool: JF_VALUE_BOOL
        case .i32: JF_VALUE_I32
        case .i64: JF_VALUE_I64
        case .u32: JF_VALUE_U32
        case .u64: JF_VALUE_U64
        case .f32: JF_VALUE_F32
        case .f64: JF_VALUE_F64
        default: nil
        }
    }
}
