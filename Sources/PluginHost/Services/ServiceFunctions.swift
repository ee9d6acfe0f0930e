import CFunctionCall
import CJackfield
import Support
import Synchronization

/// The C functions that the host has made for one plugin: each calls a method of a service. [any-thread]
///
/// They are never freed, because the plugin may call them for the life of the process.
final class ServiceFunctions: Sendable {
    /// Most functions of one plugin; the header promises this number.
    private static let limit = 4_096
    /// How long a call through such a function waits, in milliseconds; the header promises this number.
    private static let timeout: UInt32 = 30_000

    private struct Key: Hashable {
        let binding: jf_binding
        let method: UInt32
    }

    /// `@unchecked Sendable`: the address of code that is never freed.
    private struct Made: @unchecked Sendable {
        let function: jf_fn
    }

    private let made = Mutex<[Key: Made]>([:])

    /// The function that calls a method of a binding.
    func function(_ handle: jf_binding, _ method: UInt32, of plugin: LoadedPlugin) throws(HostCallError) -> jf_fn {
        guard let need = Self.need(of: handle, plugin) else {
            throw HostCallError(code: JF_E_GONE, problem: "the binding was ended")
        }
        guard method < need.methods.count else {
            throw .invalid("method is \(method), and the binding has \(need.methods.count)")
        }
        let result: Result<Made, HostCallError> = made.withLock { made in
            let key = Key(binding: handle, method: method)
            if let known = made[key] { return .success(known) }
            guard made.count < Self.limit else {
                return .failure(
                    HostCallError(code: JF_E_LIMIT, problem: "the plugin has \(Self.limit) function pointers"))
            }
            do throws(CFunctionType.Unsupported) {
                let new = Made(function: try Self.make(Context(plugin, handle, method, need)))
                made[key] = new
                return .success(new)
            } catch {
                let signature = need.methods[Int(method)].signature
                return .failure(
                    HostCallError(code: JF_E_UNSUPPORTED, problem: "method '\(signature)': \(error.problem)"))
            }
        }
        return try result.get().function
    }

    private static func need(of handle: jf_binding, _ plugin: LoadedPlugin) -> ServiceNeed? {
        if let daemon = plugin.daemon { return daemon.needs.withLock { $0[handle] } }
        guard let binding = plugin.bindings.find(handle)?.takeUnretainedValue() else { return nil }
        return plugin.host.services.need(of: binding, handle)
    }

    /// What such a function calls. Never freed.
    private final class Context: Sendable {
        let plugin: LoadedPlugin
        let binding: jf_binding
        let method: UInt32
        let service: ByteString
        let type: MethodType
        /// Whether the function can tell its caller of a failure.
        let returnsCode: Bool

        init(_ plugin: LoadedPlugin, _ binding: jf_binding, _ method: UInt32, _ need: ServiceNeed) {
            self.plugin = plugin
            self.binding = binding
            self.method = method
            service = need.service
            type = need.methods[Int(method)]
            returnsCode = type.signature.canFail || [.string, .bytes, .json].contains(type.signature.result)
        }
    }

    private static func make(_ context: Context) throws(CFunctionType.Unsupported) -> jf_fn {
        let type = try CFunctionType(context.type.signature, .made)
        let retained = Unmanaged.passRetained(context)
        guard let function = jf_function_make(type.pointer, handler, release, retained.toOpaque()) else {
            retained.release()
            throw CFunctionType.Unsupported(problem: "there is no memory for a function")
        }
        return function
    }

    private static let handler: jf_function_handler = { context, args, count, result in
        guard let context, let result = result?.assumingMemoryBound(to: jf_result.self) else { return JF_E_INVALID }
        return Unmanaged<Context>.fromOpaque(context)._withUnsafeGuaranteedRef { context in
            let args = args?.assumingMemoryBound(to: jf_value.self)
            var code = context.plugin.call(context.binding, context.method, args, count, timeout, result)
            // To the function, an ended binding is one whose provider has gone.
            if code == JF_E_GONE { code = JF_E_UNAVAILABLE }
            if code != JF_OK, !context.returnsCode { report(code, result.pointee, context) }
            return code
        }
    }

    /// A function that cannot return a failure returns 0; the log has the reason.
    @inline(never)
    private static func report(_ code: Int32, _ result: jf_result, _ context: Context) {
        let reason = result.message.len > 0 ? result.message.string : ResultCode.describe(code)
        context.plugin.log.warning(
            "the function '\(context.type.name)' of service '\(context.service)' returned 0: \(reason)")
    }

    private static let release: jf_storage_release = { result in
        guard let result = result?.assumingMemoryBound(to: jf_result.self) else { return }
        CallOutcome.release(&result.pointee)
    }
}
