import Logging
import PluginHost
import Support

/// Plugins with `watch: true` are loaded again when their files change.
extension ConfigurationReload {
    /// Watches the files of these plugins, and no others. Their entries must be in the plan of the host, in the same
    /// order. Blocks on the file system.
    func watchFiles(of plugins: [Configuration.Plugin]) {
        let entries = zip(plugins, host.plannedPlugins).filter(\.0.watch).compactMap { _, planned in
            let path = host.file(of: planned.spec)
            if path == nil {
                logger.warning(
                    "plugin '\(planned.name)' is not watched for changes: there is no file of that name in pluginPath; reload the configuration to try again"
                )
            }
            return path.map { WatchedFiles.Entry(name: planned.name, place: planned.place, path: $0) }
        }
        watcher.watch(entries)
    }

    /// Loads a plugin again, after its file has changed. A file that cannot be loaded is logged, and the plugin that
    /// runs stays. A plugin that an operator has unloaded stays unloaded.
    func fileChanged(_ entry: WatchedFiles.Entry) async {
        // What changes while plugins are loaded at the start is loaded after that.
        while host.isLoading, !host.isShuttingDown { try? await Task.sleep(for: .milliseconds(200)) }
        await changes.run { await self.loadAgain(entry) }
    }

    private func loadAgain(_ entry: WatchedFiles.Entry) async {
        guard !host.isShuttingDown, let planned = host.plannedPlugins.first(where: { $0.place == entry.place }) else {
            return
        }
        let start = Clock.monotonicMilliseconds
        do throws(PluginError) {
            if let running = host.running(place: entry.place) {
                let probes = await host.probe([.init(planned.spec, replacing: running)], removing: [])
                for probe in probes { _ = try probe.get() }
                var transaction = PluginTransaction(host)
                try await transaction.replace(running, by: planned.spec, at: planned.place)
            } else if planned.hasFailed {
                try await host.load(planned: entry.place)
            } else {
                logger.notice(
                    "plugin '\(planned.name)': \(entry.path) has changed; the plugin is unloaded, and stays so")
                return
            }
        } catch {
            logger.error("\(entry.path) has changed, but could not be loaded again; its next change is tried: \(error)")
            return
        }
        let time = Clock.monotonicMilliseconds - start
        logger.notice("plugin '\(planned.name)': \(entry.path) has changed, and was loaded again in \(time) ms")
    }
}
