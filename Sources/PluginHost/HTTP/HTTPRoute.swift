import CJackfield
import Support
import Transport

/// One route in force. `@unchecked Sendable` as ``EventRoute``.
final class HTTPRoute: @unchecked Sendable {
    enum Target {
        case plugin(LoadedPlugin, RouteDescriptor)
        case builtin(HTTPRouter.BuiltinHandler)
    }

    let method: ByteString
    let path: RoutePath
    let access: RouteAccess
    let target: Target
    let callback: Callback
    /// Of a handler that runs inline.
    let meter: InlineMeter?

    init(_ declaration: RouteDescriptor, of plugin: LoadedPlugin) {
        method = declaration.method
        path = declaration.path
        access = declaration.access
        target = .plugin(plugin, declaration)
        callback = Callback("the \(declaration.run == .inline ? "inline " : "")handler of \(declaration.method) \(declaration.path)")
        meter = declaration.run == .inline ? InlineMeter(callback, of: plugin) : nil
    }

    init(_ method: ByteString, _ path: RoutePath, _ access: RouteAccess, handler: @escaping HTTPRouter.BuiltinHandler) {
        self.method = method
        self.path = path
        self.access = access
        target = .builtin(handler)
        callback = .other
        meter = nil
    }

    /// Whose it is, for a message.
    var owner: String {
        switch target {
        case .plugin(let plugin, _): "plugin '\(plugin.name)'"
        case .builtin: "the host itself"
        }
    }
}
