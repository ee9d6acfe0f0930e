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

    /// Replaces a plugin by a new version, after its file has changed. If it cannot be reloaded, that is logged, and
    /// the running version stays. A plugin that has failed is loaded; one that an operator has unloaded stays unloaded.
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
                _ = try await host.reload(running)
            } else if planned.hasFailed {
                try await host.load(planned: entry.place)
            } else {
                logger.notice(
                    "plugin '\(planned.name)': \(entry.path) has changed; the plugin is unloaded, and stays so")
                return
            }
        } catch {
            // The host has logged the error with the file and the plugin.
            logger.error("\(entry.path) has changed, but is not in force; its next change is tried: \(error.problem)")
            return
        }
        let time = Clock.monotonicMilliseconds - start
        logger.notice("plugin '\(planned.name)': \(entry.path) has changed, and is in force after \(time) ms")
    }
}
