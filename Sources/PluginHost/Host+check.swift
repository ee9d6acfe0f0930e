/// Finds out whether plugins can be loaded, for an operator who only asks.
extension Host {
    /// Finds each library, maps it, asks it what it declares and compares that with the others, as ``load(_:)`` would; creates and starts none.
    ///
    /// For a host that serves nobody: what is mapped stays mapped.
    ///
    /// - Returns: what is wrong, each beside the index of its entry.
    public func check(_ specs: [PluginSpec]) async -> [(index: Int, error: PluginError)] {
        await controlled {
            var problems: [(index: Int, error: PluginError)] = []
            var sound: [Plugin] = []
            for (index, spec) in specs.enumerated() {
                do throws(PluginError) {
                    sound.append(try self.checkNow(spec))
                } catch {
                    problems.append((index, error))
                }
            }
            for plugin in sound {
                self.takeOut(plugin)
                self.abandon(plugin, isStuck: false)
            }
            return problems
        } orElse: {
            []
        }
    }

    /// Leaves the plugin among those in force, so that the next is compared with it.
    private func checkNow(_ spec: PluginSpec) throws(PluginError) -> Plugin {
        let plugin = try newPlugin(spec)
        do throws(PluginError) {
            plugin.adopt(try step(plugin, "jf_plugin_main") { plugin.open() }.get())
            try refuseConflicts(of: plugin)
            try putInForce(plugin)
        } catch {
            takeOut(plugin)
            abandon(plugin, isStuck: error.kind == .timedOut)
            throw error
        }
        return plugin
    }
}
