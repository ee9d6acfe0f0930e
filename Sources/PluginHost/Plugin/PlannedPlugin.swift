/// A plugin that the configuration names, and what became of it. Guarded by the registry's lock.
struct PlannedPlugin {
    enum Phase {
        /// The ones before it come first.
        case waiting
        /// On its way from `dlopen` to the end of `start`.
        case loading
        case failed(PluginError)
        /// It came into force once; whether it still is, the registry's plugins tell.
        case loaded
    }

    let spec: PluginSpec
    var name: String
    var phase = Phase.waiting

    init(_ spec: PluginSpec) {
        self.spec = spec
        name = spec.name.isEmpty ? PluginFinder.name(of: spec.path) : spec.name
    }
}
