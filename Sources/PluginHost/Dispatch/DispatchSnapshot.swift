import CJackfield
import SocketIO
import Support

/// All declarations in force at one moment. Immutable; loading or unloading a plugin makes a new snapshot, which each
/// loop adopts between two events.
final class DispatchSnapshot: Sendable {
    /// The namespaces that exist.
    let table: NamespaceTable
    /// The declarations in ``table``; its indices point into this array.
    private let declarations: [NamespaceTable.Declaration]
    /// Routes of the builtin events; those with an empty namespace are in force in all namespaces.
    private let builtins: [EventRoute]
    /// In the order of loading.
    let plugins: [LoadedPlugin]
    /// The C functions that answer events of `/`, by event; those that can be called over HTTP.
    let functions: [ByteString: BoundFunction]
    /// The plugins that are being reloaded; the running version of each is among ``plugins``.
    let holds: [PluginHold]
    /// Whether plugins get events. False while the host is stopping; then only their socket hooks are called.
    private let deliversEvents: Bool

    /// - Throws: ``NamespaceTableError`` if a declaration is malformed.
    init(
        namespaces: [ByteString], builtins: [EventRoute], plugins: [LoadedPlugin], holds: [PluginHold] = [],
        deliversEvents: Bool = true
    ) throws(NamespaceTableError) {
        var declarations: [NamespaceTable.Declaration] = [.name("/")]
        declarations += namespaces.filter { $0 != "/" }.map { .name($0) }
        for plugin in plugins {
            declarations += plugin.descriptor.namespaces.map { $0.isPattern ? .pattern($0.name) : .name($0.name) }
        }
        self.table = try NamespaceTable(declarations)
        self.declarations = declarations
        self.builtins = builtins
        self.plugins = plugins
        self.holds = holds
        self.deliversEvents = deliversEvents
        functions = Dictionary(
            plugins.flatMap(\.boundFunctions).filter { $0.namespace == "/" }.map { ($0.event, $0) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Whether a declaration, as a name or as a pattern, has exactly this text.
    func declares(_ namespace: ByteString) -> Bool {
        declarations.contains { $0 == .name(namespace) || $0 == .pattern(namespace) }
    }

    /// Event routes of a namespace, in order of precedence.
    func routes(of namespace: ByteString) -> [EventRoute] {
        let own = builtins.filter { $0.namespace.isEmpty || $0.namespace == namespace }
        guard deliversEvents else { return own }
        return own
            + plugins.flatMap { plugin in
                let routes = plugin.routes.filter { isFor(namespace, $0.namespace) }
                return holds.contains { $0.concerns(plugin) } ? routes.map { EventRoute(holding: $0) } : routes
            }
    }

    /// Connection hooks of a namespace, in the order of loading.
    func hooks(of namespace: ByteString) -> [NamespaceHook] {
        plugins.flatMap { plugin in
            plugin.hooks.filter { isFor(namespace, $0.declaration.name) }
        }
    }

    /// Whether a declaration for `declared` applies to `namespace`: `declared` is its name, or the pattern that
    /// declares it.
    private func isFor(_ namespace: ByteString, _ declared: ByteString) -> Bool {
        if declared == namespace { return true }
        guard let index = table.declaration(for: namespace), case .pattern(let pattern) = declarations[index] else {
            return false
        }
        return pattern == declared
    }
}

/// The handlers and hooks of one namespace on one loop. It is stored in the namespace, so that finding a handler uses
/// nothing that other loops use. [loop]
final class NamespaceDispatch {
    /// The snapshot it was made from; it is stale when another one is in force.
    let snapshot: DispatchSnapshot
    /// The namespace's name as bytes, for `jf_event.nsp`.
    let name: UnsafeRawBufferPointer
    let table: EventTable
    let catchAll: EventTable.Found?
    private let catchAllRoute: EventRoute?
    /// Routes with `JF_EVENT_OBSERVE`, with or without an event name.
    let observers: [EventRoute]
    let hooks: [NamespaceHook]
    /// The ``hooks`` that have an `admit` function.
    let admitting: [NamespaceHook]

    init(_ namespace: ByteString, snapshot: DispatchSnapshot) {
        self.snapshot = snapshot
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: namespace.utf8.count, alignment: 1)
        bytes.copyBytes(from: namespace.utf8)
        name = UnsafeRawBufferPointer(bytes)
        let routes = snapshot.routes(of: namespace)
        table = EventTable(routes.filter { !$0.observes && !$0.name.isEmpty }.map { ($0.name, $0) })
        let rest = routes.first { !$0.observes && $0.name.isEmpty }
        catchAllRoute = rest
        catchAll = rest.map { EventTable.Found(inline: $0.inlineTarget, route: .passUnretained($0)) }
        observers = routes.filter(\.observes)
        hooks = snapshot.hooks(of: namespace)
        admitting = hooks.filter { $0.declaration.admit != nil }
    }

    deinit {
        name.deallocate()
    }
}

/// One plugin's hooks for the connections of a namespace. `@unchecked Sendable` as ``EventRoute``.
final class NamespaceHook: @unchecked Sendable {
    let plugin: LoadedPlugin
    let declaration: NamespaceDescriptor
    /// The meters are set for hooks that run inline.
    let admitMeter: InlineMeter?
    let connectedMeter: InlineMeter?
    let disconnectingMeter: InlineMeter?
    let disconnectedMeter: InlineMeter?

    init(_ declaration: NamespaceDescriptor, of plugin: LoadedPlugin) {
        self.plugin = plugin
        self.declaration = declaration
        func meter(_ name: String, _ isThere: Bool) -> InlineMeter? {
            isThere && declaration.run == .inline
                ? InlineMeter(Callback("the inline \(name) of '\(declaration.name)'"), of: plugin) : nil
        }
        admitMeter = meter("admit", declaration.admit != nil)
        connectedMeter = meter("connected", declaration.connected != nil)
        disconnectingMeter = meter("disconnecting", declaration.disconnecting != nil)
        disconnectedMeter = meter("disconnected", declaration.disconnected != nil)
    }

    /// The same hooks of the version that has replaced the plugin in reloads; `nil` if the plugin was not reloaded, or
    /// does not declare `admit` any more.
    var successor: NamespaceHook? {
        guard let latest = plugin.latestVersion, latest !== plugin else { return nil }
        return latest.hooks.first { $0.declaration.name == declaration.name && $0.declaration.admit != nil }
    }

    var meters: [InlineMeter] {
        [admitMeter, connectedMeter, disconnectingMeter, disconnectedMeter].compactMap(\.self)
    }
}
