import Support

/// A parameter of a service's method: a ``SignatureValue``, which is an argument of the call, or a ``ServiceCaller``.
/// Do not conform other types.
public protocol MethodParameter: Sendable {
    /// Called by the SDK for each call, in the order of the parameters.
    static func read(from arguments: inout MethodArgumentReader) throws -> Self
}

/// The plugin that calls a method. As a parameter of the method it is no argument.
public struct ServiceCaller: MethodParameter {
    /// The name of the plugin; nil if the host gives none.
    public let plugin: String?

    public static func read(from arguments: inout MethodArgumentReader) -> ServiceCaller {
        ServiceCaller(plugin: .unlessEmpty(arguments.caller))
    }
}

/// Reads the arguments of a call one after the other. The SDK creates it.
public struct MethodArgumentReader {
    private let call: UnsafePointer<jf_call>
    private let signature: DerivedSignature
    private var index = 0

    /// Throws ``ServiceError`` with `JF_E_INVALID` if there are more or fewer arguments.
    init(_ call: UnsafePointer<jf_call>, _ signature: DerivedSignature) throws(ServiceError) {
        guard call.pointee.arg_count == signature.parameters.count else {
            throw ServiceError(
                JF_E_INVALID, "the call has \(call.pointee.arg_count) arguments, not \(signature.parameters.count)")
        }
        self.call = call
        self.signature = signature
    }

    var caller: jf_text { call.pointee.caller }

    mutating func next<T: SignatureValue>() throws(ServiceError) -> T {
        defer { index += 1 }
        guard index < signature.parameters.count, let arguments = call.pointee.args else {
            throw ServiceError(JF_E_INVALID, "\(place) is missing")
        }
        do {
            return try T.read(arguments[index], as: signature.parameters[index])
        } catch let error as DecodingError {
            throw ServiceError(JF_E_INVALID, JSON.words(for: error, named: place))
        } catch {
            throw ServiceError(JF_E_INVALID, "\(place) is wrong: \("\(error)".cut(to: 200))")
        }
    }

    private var place: String {
        signature.labels.indices.contains(index) ? "argument '\(signature.labels[index])'" : "argument \(index)"
    }
}
