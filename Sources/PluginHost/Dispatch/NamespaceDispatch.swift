import Support

/// What happens to the events and connections of one namespace on one loop: hung on the namespace, so that finding a handler touches
/// nothing that other loops touch. [loop]
final class NamespaceDispatch {
    /// The declarations it was made from; another one in force makes it stale.
    let snapshot: DispatchSnapshot
    /// The namespace's name, kept as bytes for `jf_event.nsp`.
    let name: UnsafeRawBufferPointer
    let table: EventTable
    let catchAll: EventTable.Found?
    private let catchAllRoute: EventRoute?
    /// Those that only look on, by name or without one.
    let observers: [EventRoute]
    let hooks: [NamespaceHook]
    /// Those of ``hooks`` that want to be asked.
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
