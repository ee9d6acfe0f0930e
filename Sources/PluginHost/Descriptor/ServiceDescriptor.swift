import CJackfield
import Signatures
import SocketIO
import Support

/// One `jf_service_decl`, checked.
package struct ServiceDescriptor: Sendable {
    /// Longest name, in bytes; the header promises this number.
    static let longestName = 64

    package internal(set) var name: ByteString
    package internal(set) var major: UInt32
    package internal(set) var minor: UInt32
    package internal(set) var methods: [MethodDescriptor]

    static func isName(_ name: ByteString) -> Bool {
        (1...longestName).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
            }
    }
}

/// One `jf_method_decl`, checked. `@unchecked Sendable` as ``PluginDescriptor``.
package struct MethodDescriptor: @unchecked Sendable {
    /// Has a name.
    package internal(set) var signature: Signature
    var body: ProvidedMethod.Body
    /// The strand, the lanes in no order, or the thread of the caller.
    package internal(set) var run: RunMode
    /// The plugin's context, passed with each call.
    var context: UnsafeMutableRawPointer?
}

/// One `jf_function_decl`, checked. `@unchecked Sendable` as ``PluginDescriptor``.
package struct FunctionDescriptor: @unchecked Sendable {
    /// Position in the plugin's list, from 1.
    var number: Int
    package internal(set) var namespace: ByteString
    /// Of the event.
    package internal(set) var name: ByteString
    package internal(set) var signature: Signature
    var function: jf_fn
    var type: CFunctionType
    var run: RunMode
}

/// One `jf_emit_decl`, checked.
package struct EmitDescriptor: Sendable {
    package internal(set) var namespace: ByteString
    package internal(set) var name: ByteString
    package internal(set) var signature: Signature
}

extension DescriptorReader {
    /// Reads a signature.
    static func signature(_ raw: jf_text, _ title: String) throws(Problem) -> Signature {
        let text = try text(raw, "signature")
        do throws(SignatureError) {
            return try Signature(text)
        } catch {
            throw Problem(text: "\(title)signature '\(shown(text))': \(error)")
        }
    }

    /// Reads a signature; nil if the text is empty.
    static func optionalSignature(_ raw: jf_text, _ title: String) throws(Problem) -> Signature? {
        raw.len == 0 ? nil : try signature(raw, title)
    }

    static func service(_ raw: jf_service_decl, number: Int) throws(Problem) -> ServiceDescriptor {
        let name = try text(raw.name, "name")
        guard ServiceDescriptor.isName(name) else {
            throw Problem(text: "name '\(shown(name))' must be 1 to 64 of a-z, 0-9, '-' and '.'")
        }
        let title = "'\(name)': "
        guard raw.major > 0 else { throw Problem(text: "\(title)major is 0: the first version of a service is 1") }
        let methods: [MethodDescriptor]
        do throws(Problem) {
            methods = try each(
                raw.methods.items, raw.methods.count, raw.methods.stride, firstSize: 48, "method", method)
        } catch {
            throw Problem(kind: error.kind, text: "\(title)\(error.text)")
        }
        guard methods.count <= Int(ServiceNeed.mostMethods) else {
            throw Problem(text: "\(title)\(methods.count) methods are more than \(ServiceNeed.mostMethods)")
        }
        for (index, method) in methods.enumerated()
        where methods[..<index].contains(where: { $0.signature.name == method.signature.name }) {
            throw Problem(text: "\(title)method '\(method.signature.name ?? "")' is declared twice")
        }
        return ServiceDescriptor(name: name, major: raw.major, minor: raw.minor, methods: methods)
    }

    private static func method(_ raw: jf_method_decl, number: Int) throws(Problem) -> MethodDescriptor {
        let signature = try signature(raw.signature, "")
        guard let name = signature.name else {
            throw Problem(text: "signature '\(signature)' has no name: write 'name\(signature)'")
        }
        let title = "'\(name)': "
        guard raw.reserved == 0 else { throw Problem(text: "\(title)reserved is \(raw.reserved), not 0") }
        guard [JF_RUN_STRAND, JF_RUN_PARALLEL, JF_RUN_INLINE].contains(raw.run) else {
            throw Problem(text: "\(title)run \(raw.run) is not JF_RUN_STRAND, JF_RUN_PARALLEL or JF_RUN_INLINE")
        }
        let body: ProvidedMethod.Body
        switch (raw.handler, raw.c_function) {
        case (let handler?, nil): body = .handler(handler)
        case (nil, let function?): body = .function(function, try cType(of: signature, title))
        default: throw Problem(text: "\(title)set exactly one of handler and c_function")
        }
        return MethodDescriptor(
            signature: signature, body: body, run: try runMode(raw.run, title), context: raw.context)
    }

    static func function(_ raw: jf_function_decl, number: Int) throws(Problem) -> FunctionDescriptor {
        let name = try text(raw.name, "name")
        let title = "'\(shown(name))': "
        guard (1...longestName).contains(name.utf8.count) else {
            throw Problem(text: "the name has \(name.utf8.count) bytes, not 1 to \(longestName)")
        }
        guard !PacketEncoder.isReserved(name: raw.name.bytes) else {
            throw Problem(text: "name '\(name)' is reserved by Socket.IO")
        }
        guard let function = raw.c_function else { throw Problem(text: "\(title)c_function is NULL") }
        guard raw.reserved == 0 else { throw Problem(text: "\(title)reserved is \(raw.reserved), not 0") }
        let signature = try signature(raw.signature, title)
        let namespace = try text(raw.nsp, "nsp")
        guard namespace.isEmpty || namespace.hasPrefix("/") || namespace.hasPrefix("^") else {
            throw Problem(
                text: "\(title)nsp '\(shown(namespace))' must begin with '/', or be a pattern that begins with '^'")
        }
        return FunctionDescriptor(
            number: number, namespace: namespace.isEmpty ? "/" : namespace, name: name, signature: signature,
            function: function, type: try cType(of: signature, title),
            run: try eventRunMode(raw.run, raw.run_key, title))
    }

    private static func cType(of signature: Signature, _ title: String) throws(Problem) -> CFunctionType {
        do throws(CFunctionType.Unsupported) {
            return try CFunctionType(signature, .called)
        } catch {
            throw Problem(text: "\(title)signature '\(signature)': \(error.problem)")
        }
    }

    static func emit(_ raw: jf_emit_decl, number: Int) throws(Problem) -> EmitDescriptor {
        let name = try text(raw.name, "name")
        guard (1...longestName).contains(name.utf8.count) else {
            throw Problem(text: "the name has \(name.utf8.count) bytes, not 1 to \(longestName)")
        }
        let title = "'\(shown(name))': "
        let namespace = try text(raw.nsp, "nsp")
        return EmitDescriptor(
            namespace: namespace.isEmpty ? "/" : namespace, name: name,
            signature: try signature(raw.signature, title))
    }

    /// Services and emitted events that one plugin declares twice.
    static func refuseDuplicateServices(in descriptor: PluginDescriptor) throws(Problem) {
        for (index, service) in descriptor.services.enumerated()
        where descriptor.services[..<index].contains(where: {
            $0.name == service.name && $0.major == service.major
        }) {
            throw Problem(text: "service \(index + 1): '\(service.name)' \(service.major) is declared twice")
        }
        for (index, emit) in descriptor.emits.enumerated() {
            for other in descriptor.emits[..<index] where other.name == emit.name {
                guard other.namespace != emit.namespace, other.signature.difference(from: emit.signature) == nil else {
                    throw Problem(
                        text: "emit \(index + 1): '\(shown(emit.name))' is declared twice; a name has one signature")
                }
            }
        }
    }
}
