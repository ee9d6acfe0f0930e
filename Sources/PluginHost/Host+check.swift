/// Finds out whether plugins can be loaded, for an operator who only asks.
extension Host {
    /// Finds each library, maps it, asks it what it declares and compares that with the others, as ``load(_:)`` would; creates and starts none.
    ///
    /// For a host that serves nobody: what is mapped stays mapped.
    ///
    /// - Returns: what is wrong, each beside the index of its entry.
    public func check(_ specs: [PluginSpec]) async -> [(index: Int, error: PluginError)] {
        await withCheckedContinuation { continuation in
            Threads.start(name: "jf-check") { continuation.resume(returning: self.checkNow(specs)) }
        }
    }

    private func checkNow(_ specs: [PluginSpec]) -> [(index: Int, error: PluginError)] {
        var problems: [(index: Int, error: PluginError)] = []
        var sound: [LoadedPlugin] = []
        for (index, spec) in specs.enumerated() {
            do throws(PluginError) {
                sound.append(try checkNow(spec))
            } catch {
                problems.append((index, error))
            }
        }
        for plugin in sound { end(check: plugin, isStuck: false) }
        removeImages()
        return problems
    }

    /// Leaves the plugin among those in force, so that the next is compared with it.
    private func checkNow(_ spec: PluginSpec) throws(PluginError) -> LoadedPlugin {
        let plugin = try newPlugin(spec)
        do throws(PluginError) {
            plugin.adopt(try step(plugin, .main, until: deadline(in: options.startDeadline)) { plugin.open() }.get())
            try claim(plugin)
            try putInForce(plugin)
        } catch {
            end(check: plugin, isStuck: error.kind == .timedOut)
            throw error
        }
        return plugin
    }

    private func end(check plugin: LoadedPlugin, isStuck: Bool) {
        onControl { _ = self.withdraw(plugin) }
        abandon(plugin, isStuck: isStuck)
    }
}
