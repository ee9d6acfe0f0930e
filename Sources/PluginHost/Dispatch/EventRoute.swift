import CJackfield
import SocketIO
import Support

/// Where an event goes: a handler of a plugin, or a function of the daemon's.
///
/// `@unchecked Sendable`: immutable, but for the C function pointer and the plugin's context, which are addresses that the host only hands back.
final class EventRoute: @unchecked Sendable {
    enum Target {
        case plugin(LoadedPlugin, jf_event_fn)
        case builtin(Host.BuiltinHandler)
    }

    let target: Target
    let context: UnsafeMutableRawPointer?
    let run: RunMode
    /// UTF-8 of the JSON pointer of `JF_RUN_BY_KEY`.
    let key: [UInt8]
    /// The declaration's words, to find who claims what.
    let namespace: ByteString
    let name: ByteString
    let observes: Bool
    let callback: Callback
    /// Of a handler that runs inline.
    let meter: InlineMeter?

    init(_ declaration: EventDescriptor, of plugin: LoadedPlugin) {
        target = .plugin(plugin, declaration.handler)
        context = declaration.context
        run = declaration.run
        if case .byKey(let pointer) = declaration.run { key = Array(pointer.utf8) } else { key = [] }
        namespace = declaration.namespace
        name = declaration.name
        observes = declaration.observes
        callback = Callback("the \(declaration.run == .inline ? "inline " : "")handler of \(declaration.title)")
        meter = declaration.run == .inline ? InlineMeter(callback, of: plugin) : nil
    }

    /// How to call it on the loop; `nil` if it does not run there.
    var inlineTarget: InlineTarget? {
        guard case .plugin(let plugin, let handler) = target, let meter else { return nil }
        return InlineTarget(
            handler: handler, context: context, instance: plugin.instance, plugin: UnsafeRawPointer(plugin.handle), meter: .passUnretained(meter),
            counters: meter.line(0))
    }

    init(builtin name: ByteString, namespace: ByteString, handler: @escaping Host.BuiltinHandler) {
        target = .builtin(handler)
        context = nil
        run = .inline
        key = []
        self.namespace = namespace
        self.name = name
        observes = false
        callback = .other
        meter = nil
    }
}
