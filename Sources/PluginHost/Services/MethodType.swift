import CJackfield
import EngineIO
import RawJSON
import Signatures
import Support

/// A method's signature in the form in which calls are checked.
///
/// `@unchecked Sendable`: immutable; the memory is written by `init` and freed by `deinit` only.
final class MethodType: @unchecked Sendable {
    /// Stands for a type that ``problem(of:as:)`` looks at in detail. No value has this kind.
    private static let compound: UInt32 = .max

    let signature: Signature
    let name: ByteString
    /// For each parameter the kind of its values, or ``compound``.
    private let kinds: UnsafeMutablePointer<UInt32>
    let count: UInt32
    /// The same for the result; `JF_VALUE_NONE` if there is none.
    private let resultKind: UInt32
    /// Whether the result may be absent, and ``resultKind`` is that of a present one.
    private let mayLackResult: Bool

    /// - Parameter other: the name in messages if the signature has none.
    init(_ signature: Signature, or other: ByteString = "") {
        self.signature = signature
        name = signature.name ?? other
        count = UInt32(signature.parameters.count)
        kinds = .allocate(capacity: max(1, signature.parameters.count))
        for (index, parameter) in signature.parameters.enumerated() {
            (kinds + index).initialize(to: parameter.type.scalarKind ?? Self.compound)
        }
        if case .optional(let wrapped) = signature.result, let kind = wrapped.scalarKind {
            (resultKind, mayLackResult) = (kind, true)
        } else {
            resultKind = signature.result.map { $0.scalarKind ?? Self.compound } ?? JF_VALUE_NONE
            mayLackResult = false
        }
    }

    deinit {
        kinds.deallocate()
    }

    /// Whether each argument has the type that the signature says.
    @inline(__always)
    func accepts(_ args: UnsafePointer<jf_value>?, _ argCount: UInt32) -> Bool {
        guard argCount == count else { return false }
        guard let args else { return count == 0 }
        for index in 0..<Int(argCount) {
            let kind = kinds[index]
            if kind == args[index].kind { continue }
            guard kind == Self.compound,
                Self.problem(of: args[index], as: signature.parameters[index].type) == nil
            else { return false }
        }
        return true
    }

    /// Whether a result of this kind has the type that the signature says, and holds no address: it needs no copy.
    @inline(__always)
    func isPlain(_ kind: UInt32) -> Bool { resultKind == kind || mayLackResult && kind == JF_VALUE_NONE }

    /// Why ``accepts(_:_:)`` is false.
    func problem(_ args: UnsafePointer<jf_value>?, _ argCount: UInt32) -> String {
        guard argCount == count else {
            return "expected \(count) argument\(count == 1 ? "" : "s"), got \(argCount)"
        }
        guard let args else { return "args is NULL" }
        for index in 0..<Int(count) {
            let parameter = signature.parameters[index]
            guard let problem = Self.problem(of: args[index], as: parameter.type) else { continue }
            return "argument \(index + 1)\(parameter.name.map { " '\($0)'" } ?? "")\(problem)"
        }
        return "the arguments changed during the call"
    }

    /// Why a result has not the type that the signature says; nil if it has.
    func problem(ofResult result: jf_value) -> String? {
        guard let type = signature.result else {
            return result.kind == JF_VALUE_NONE ? nil : "the signature has no result, and the method set one"
        }
        return Self.problem(of: result, as: type).map { "the result\($0)" }
    }

    // MARK: Types

    /// Why a value has not this type, as the end of a sentence that names the value.
    static func problem(of value: jf_value, as type: SignatureType) -> String? {
        switch type {
        case .optional(let wrapped):
            return value.kind == JF_VALUE_NONE ? nil : problem(of: value, as: wrapped)
        case .string, .cstring:
            guard value.kind == JF_VALUE_STRING else { return mismatch(value, type) }
            if let problem = problem(of: value.val.text) { return problem }
            guard UTF8Validator.isValid(value.val.text.bytes) else { return ": the string is no UTF-8" }
            guard type == .string || !value.val.text.bytes.contains(0) else {
                return ": a cstring may not hold a zero byte"
            }
            return nil
        case .json:
            guard value.kind == JF_VALUE_JSON else { return mismatch(value, type) }
            if let problem = problem(of: value.val.text) { return problem }
            return JSONScanner.isValid(value.val.text.bytes) ? nil : ": the text is no JSON"
        case .bytes:
            guard value.kind == JF_VALUE_BYTES else { return mismatch(value, type) }
            return problem(of: value.val.text)
        case .array(let element):
            guard value.kind == JF_VALUE_ARRAY else { return mismatch(value, type) }
            guard let items = value.val.items else { return value.count == 0 ? nil : ": items is NULL" }
            for index in 0..<Int(value.count) {
                if let problem = problem(of: items[index], as: element) { return ", element \(index + 1)\(problem)" }
            }
            return nil
        case .record(let record):
            guard value.kind == JF_VALUE_RECORD else { return mismatch(value, type) }
            guard value.count == record.fields.count else {
                return ": the record has \(value.count) fields, not \(record.fields.count)"
            }
            guard let items = value.val.items else { return value.count == 0 ? nil : ": items is NULL" }
            for (index, field) in record.fields.enumerated() {
                if let problem = problem(of: items[index], as: field.type) {
                    return ", field '\(field.name)'\(problem)"
                }
            }
            return nil
        default:
            return value.kind == type.scalarKind ? nil : mismatch(value, type)
        }
    }

    private static func problem(of text: jf_text) -> String? {
        text.ptr == nil && text.len > 0 ? ": the pointer is NULL, and the length \(text.len)" : nil
    }

    private static func mismatch(_ value: jf_value, _ type: SignatureType) -> String {
        ": expected \(type), got \(name(of: value.kind))"
    }

    private static func name(of kind: UInt32) -> String {
        switch kind {
        case JF_VALUE_NONE: "nothing"
        case JF_VALUE_BOOL: "bool"
        case JF_VALUE_I32: "i32"
        case JF_VALUE_I64: "i64"
        case JF_VALUE_U32: "u32"
        case JF_VALUE_U64: "u64"
        case JF_VALUE_F32: "f32"
        case JF_VALUE_F64: "f64"
        case JF_VALUE_STRING: "string"
        case JF_VALUE_BYTES: "bytes"
        case JF_VALUE_JSON: "json"
        case JF_VALUE_ARRAY: "an array"
        case JF_VALUE_RECORD: "a record"
        default: "the unknown kind \(kind)"
        }
    }
}
