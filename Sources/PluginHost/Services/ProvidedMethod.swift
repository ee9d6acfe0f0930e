import CFunctionCall
import CJackfield
import Signatures
import Support

/// One method of a service, and the plugin that provides it.
///
/// `@unchecked Sendable`: immutable; the C functions and the context are addresses that the host only passes back.
final class ProvidedMethod: @unchecked Sendable {
    /// What runs when the method is called.
    enum Body {
        case handler(jf_method_fn)
        /// A C function that is called through libffi.
        case function(jf_fn, CFunctionType)
    }

    let type: MethodType
    let plugin: LoadedPlugin
    let body: Body
    let context: UnsafeMutableRawPointer?
    let run: RunMode
    let callback: Callback

    init(_ declaration: MethodDescriptor, service: ByteString, of plugin: LoadedPlugin) {
        type = MethodType(declaration.signature)
        self.plugin = plugin
        body = declaration.body
        context = declaration.context
        run = declaration.run
        callback = Callback("the method '\(declaration.signature.name ?? "")' of service '\(service)'")
    }

    /// The strands on which a call may run that waits in a queue, the best one first.
    var strands: [Strand] {
        run == .parallel && !plugin.lanes.isEmpty ? plugin.lanes.sorted { $0.load < $1.load } : [plugin.strand]
    }
}

/// A service that a plugin provides. Made when the plugin has started.
final class ProvidedService: Sendable {
    let name: ByteString
    let major: UInt32
    let minor: UInt32
    let plugin: LoadedPlugin
    let methods: [ProvidedMethod]

    init(_ declaration: ServiceDescriptor, of plugin: LoadedPlugin) {
        name = declaration.name
        major = declaration.major
        minor = declaration.minor
        self.plugin = plugin
        methods = declaration.methods.map { ProvidedMethod($0, service: declaration.name, of: plugin) }
    }

    /// The methods that a binding needs, in its order.
    ///
    /// - Returns: the first difference, in words, if the service has not what the binding needs.
    func methods(for need: ServiceNeed, of consumer: String) -> Result<[ProvidedMethod], ServiceMismatch> {
        guard minor >= need.minor else {
            return .failure(
                ServiceMismatch(
                    text:
                        "service '\(name)': plugin '\(consumer)' needs version \(major).\(need.minor) or higher, plugin '\(plugin.name)' provides \(major).\(minor)"
                ))
        }
        var found: [ProvidedMethod] = []
        for type in need.methods {
            guard let method = methods.first(where: { $0.type.name == type.name }) else {
                return .failure(
                    ServiceMismatch(
                        text:
                            "service '\(name)': plugin '\(consumer)' needs the method '\(type.signature)', which plugin '\(plugin.name)' does not provide"
                    ))
            }
            if let difference = method.type.signature.difference(from: type.signature) {
                return .failure(
                    ServiceMismatch(
                        text:
                            "service '\(name)', method '\(type.name)': plugin '\(consumer)' expects '\(type.signature)', plugin '\(plugin.name)' provides '\(method.type.signature)': \(difference)"
                    ))
            }
            found.append(method)
        }
        return .success(found)
    }
}

/// Why a service has not what a binding needs.
struct ServiceMismatch: Error {
    let text: String
}

/// What a plugin needs of a service: a `jf_need`, checked and copied.
///
/// `@unchecked Sendable`: immutable; the C function and its context are addresses that the host only passes back.
struct ServiceNeed: @unchecked Sendable {
    let service: ByteString
    let major: UInt32
    let minor: UInt32
    let methods: [MethodType]
    let changed: jf_binding_fn?
    let context: UnsafeMutableRawPointer?

    /// Most methods of one binding; the header promises this number.
    static let mostMethods: UInt32 = 256

    init(_ raw: jf_need) throws(HostCallError) {
        service = try LoadedPlugin.text(raw.service, "need->service", limit: ServiceDescriptor.longestName)
        guard ServiceDescriptor.isName(service) else {
            throw .invalid("need->service '\(raw.service.excerpt)' must be 1 to 64 of a-z, 0-9, '-' and '.'")
        }
        guard raw.major > 0 else { throw .invalid("need->major is 0: the first version of a service is 1") }
        guard raw.method_count <= Self.mostMethods else {
            throw .invalid("need->methods: \(raw.method_count) are more than \(Self.mostMethods)")
        }
        major = raw.major
        minor = raw.minor
        changed = raw.changed
        context = raw.context
        var methods: [MethodType] = []
        for index in 0..<Int(raw.method_count) {
            guard let list = raw.methods else { throw .invalid("need->methods is NULL, and method_count not 0") }
            let text = try LoadedPlugin.text(list[index], "need->methods[\(index)]", limit: Signature.maximumLength)
            let signature: Signature
            do throws(SignatureError) {
                signature = try Signature(text)
            } catch {
                throw .invalid("need->methods[\(index)] '\(list[index].excerpt)': \(error)")
            }
            guard signature.name != nil else { throw .invalid("need->methods[\(index)] '\(signature)' has no name") }
            methods.append(MethodType(signature))
        }
        self.methods = methods
    }
}
