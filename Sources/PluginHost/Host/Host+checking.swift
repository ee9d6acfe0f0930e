/// What `jackfield plugin check` asks of a host beyond loading.
extension Host {
    /// Maps a library, calls its `jf_plugin_main` twice, and reads the descriptor after each call.
    package func describeTwice(_ spec: PluginSpec) async throws(PluginError) -> [PluginDescriptor] {
        let result: Result<[PluginDescriptor], PluginError> = await withCheckedContinuation { continuation in
            Threads.start(name: "jf-check") {
                continuation.resume(
                    returning: Result { () throws(PluginError) in try self.describeTwiceNow(spec) })
            }
        }
        return try result.get()
    }

    private func describeTwiceNow(_ spec: PluginSpec) throws(PluginError) -> [PluginDescriptor] {
        let plugin = try newPlugin(spec)
        let deadline = deadline(in: options.startDeadline)
        do throws(PluginError) {
            let found: Result<[PluginDescriptor], PluginError> = try step(plugin, .main, until: deadline) {
                Result { () throws(PluginError) in
                    let image = try plugin.mapImage()
                    return [try plugin.describe(image).get(), try plugin.describe(image).get()]
                }
            }
            end(check: plugin, isStuck: false)
            return try found.get()
        } catch {
            end(check: plugin, isStuck: error.kind == .timedOut)
            throw error
        }
    }

    /// What a running plugin declares; `nil` if no plugin of this name is in force. [any-thread]
    package func descriptor(of name: String) -> PluginDescriptor? {
        registry.withLock { $0.plugins.first { $0.name == name } }?.descriptor
    }

    /// The callbacks that run now: what each is called, and the loop that it blocks; `nil`: it runs on a strand.
    /// [any-thread]
    package func runningCallbacks() -> [(title: String, loop: Int?)] {
        inspectCallbacks().map { ($0.callback.title, $0.loop) }
    }

    /// The ids of this host's interfaces, with the bytes of each table.
    package static let interfaceTables: [(id: String, bytes: Int)] = InterfaceTable.ids.map {
        ($0, InterfaceTable.size(of: $0))
    }
}
