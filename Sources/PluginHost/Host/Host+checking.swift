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

    /// Calls `jf_plugin_main` and `create`, then `destroy`; puts nothing in force. What they return does not matter: a
    /// load finds that out, too. A crash ends this process.
    package func tryOut(_ spec: PluginSpec) async throws(PluginError) {
        let failure: PluginError? = await withCheckedContinuation { continuation in
            Threads.start(name: "jf-check") { continuation.resume(returning: self.tryOutNow(spec)) }
        }
        if let failure { throw failure }
    }

    /// - Returns: why a callback did not return.
    private func tryOutNow(_ spec: PluginSpec) -> PluginError? {
        do throws(PluginError) {
            let plugin = try newPlugin(spec)
            let deadline = deadline(in: currentOptions.startDeadline)
            plugin.adopt(try step(plugin, .main, until: deadline) { plugin.open() }.get())
            if let error = try step(plugin, .create, until: deadline, { plugin.create() }) { throw error }
            guard end(plugin, until: self.deadline(in: currentOptions.stopDeadline), afterStop: false) else {
                return plugin.failure(.timedOut, "destroy did not return in time")
            }
            return nil
        } catch {
            return error.kind == .timedOut ? error : nil
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
