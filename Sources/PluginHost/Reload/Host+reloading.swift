import CoreMetrics
import Support
import Synchronization

/// Replaces a running plugin by a new version of its file, as section 2 of the header says.
///
/// Each reload runs on a thread of its own, which waits for the strands of both versions. Changes of the declarations
/// run on the control thread. The steps, and what a failure costs:
///
/// 1. The new version is loaded beside the running one and checked, and its `create` runs. A failure disturbs nobody.
/// 2. The loops hold what clients cause for the plugin (``PluginHold``). The running version finishes what it has
///    accepted, and saves its state. The new version restores it and starts. After a failure the running version gets
///    what was held.
/// 3. One snapshot puts the new version's declarations in force, and the loops pass on what they have held.
/// 4. The running version's `stop` and `destroy` run. A failure only costs its thread and memory.
extension Host {
    /// Replaces the plugin of this name by a new version.
    ///
    /// - Parameter spec: what to load in its place, under the same name; `nil`: its file again, with its configuration.
    /// - Throws: ``PluginError``; the running version is then in force as before. Of kind `unavailable` if no such
    ///   plugin is loaded, or it is being loaded, reloaded or unloaded.
    public func reload(_ name: String, spec: PluginSpec? = nil) async throws(PluginError) -> PluginReload {
        try await reload(name) { _ in spec }
    }

    /// The same, for operators.
    ///
    /// - Parameters:
    ///   - path: another file for it; `nil`: its file.
    ///   - config: another configuration for it, JSON; `nil`: its configuration.
    public func reload(_ name: String, path: String?, config: [UInt8]?) async throws(PluginError) -> PluginReload {
        try await reload(name) { running in
            var spec = running
            if let path { spec.path = path }
            if let config { spec.config = config }
            return spec
        }
    }

    private func reload(
        _ name: String, _ spec: @escaping @Sendable (_ running: PluginSpec) -> PluginSpec?
    ) async throws(PluginError) -> PluginReload {
        let result: Result<PluginReload, PluginError> = await withCheckedContinuation { continuation in
            registry.withLock { $0.loads += 1 }
            Threads.start(name: "jf-reload") {
                let result: Result<PluginReload, PluginError>
                do throws(PluginError) {
                    result = .success(try self.reloadNow(name, spec))
                } catch {
                    self.logger.error("\(error)")
                    result = .failure(error)
                    // Of loaded plugins only: the name of another one is the operator's mistake.
                    if self.registry.withLock({ $0.plugins.contains { $0.name == name } }) {
                        Counter(label: "jackfield_plugin_reloads_failed_total", dimensions: [("plugin", name)])
                            .increment()
                    }
                }
                self.registry.withLock { $0.loads -= 1 }
                continuation.resume(returning: result)
            }
        }
        return try result.get()
    }

    // MARK: On the thread of the reload

    private func reloadNow(
        _ name: String, _ spec: (_ running: PluginSpec) -> PluginSpec?
    ) throws(PluginError) -> PluginReload {
        let running = try beginReload(of: name)
        defer { registry.withLock { _ = $0.reloading.remove(name) } }
        let start = Clock.monotonicNanoseconds
        do throws(PluginError) {
            let successor = try prepare(spec(running.spec) ?? running.spec, toReplace: running)
            let transfer = try exchange(running, by: successor)
            return finish(running, successor, transfer, since: start)
        } catch {
            throw PluginError(
                error.kind, plugin: name, path: error.path ?? running.path,
                "was not reloaded, and the running version \(running.descriptor.version) goes on: \(error.problem)")
        }
    }

    private func beginReload(of name: String) throws(PluginError) -> LoadedPlugin {
        try registry.withLock { registry throws(PluginError) in
            guard let plugin = registry.plugins.first(where: { $0.name == name }) else {
                throw PluginError(.unavailable, plugin: name, path: nil, "is not loaded")
            }
            guard plugin.state == .running else {
                throw plugin.failure(.unavailable, "is being loaded or unloaded; try again when that has ended")
            }
            if case .library = plugin.spec.kind {
                throw plugin.failure(.conflict, "is a library of `bind`, which only a restart of the daemon replaces")
            }
            guard registry.reloading.insert(name).inserted else {
                throw plugin.failure(.unavailable, "is being reloaded already; wait for that")
            }
            return plugin
        }
    }

    /// Loads the new version, checks it and calls its `create`.
    private func prepare(_ spec: PluginSpec, toReplace running: LoadedPlugin) throws(PluginError) -> LoadedPlugin {
        let successor = try newPlugin(spec, place: running.place)
        if spec.isolation == .none, let trial = options.trial, let end = trial(successor.path, spec.config) {
            abandon(successor, isStuck: false)
            throw successor.failure(.failed, "tried in a process of its own, \(end)")
        }
        let deadline = deadline(in: currentOptions.startDeadline)
        do throws(PluginError) {
            successor.adopt(try step(successor, .main, until: deadline) { successor.open() }.get())
            guard successor.declaredName == running.declaredName, successor.name == running.name else {
                throw successor.failure(
                    .conflict,
                    "the file describes plugin '\(successor.declaredName)', and the running one is '\(running.declaredName)'; load it in addition, or unload the running one first"
                )
            }
            try claim(successor, replacing: running)
            if let error = try step(successor, .create, until: deadline, { successor.create() }) { throw error }
            return successor
        } catch {
            // Lets the strand free what a failed `create` has posted.
            if error.kind != .timedOut { _ = wait(for: successor.strand.begin(isLast: true) { true }, until: deadline) }
            abandon(successor, isStuck: error.kind == .timedOut)
            throw error
        }
    }

    /// What a reload passes from the running version to the new one.
    private struct Transfer {
        var saved = SavedState()
        var tokens: [ReplyTokenTable.Kept] = []
        var streams: [OpenStream] = []
        /// Callbacks that were held.
        var held = 0
        /// Nanoseconds for which callbacks were held.
        var pause: Int64 = 0
    }

    /// Holds the plugin's callbacks, passes the running version's state to the new one, and puts that in force.
    private func exchange(_ running: LoadedPlugin, by successor: LoadedPlugin) throws(PluginError) -> Transfer {
        let hold = PluginHold(running, successor: successor)
        let start = Clock.monotonicNanoseconds
        let deadline = deadline(in: currentOptions.reloadDeadline)
        var transfer = Transfer()
        var hasSaved = false
        do throws(PluginError) {
            try begin(hold, until: deadline)
            try quiesce(running, until: deadline)
            transfer.saved = try save(running, until: deadline, &hasSaved)
            try waitForTokens(of: running, except: transfer.saved.tokens, until: deadline)
            if !transfer.saved.isEmpty, successor.descriptor.restore == nil {
                throw successor.failure(
                    .failed,
                    "save of the running version has set a state, and the new version has no restore; unload the running one first, to start without the state"
                )
            }
            lend(&transfer, from: running, to: successor)
            if let saved = running.descriptor.save.map({ _ in transfer.saved }),
                let error = try step(
                    successor, .restore, until: deadline,
                    {
                        successor.restore(saved, from: running.descriptor.version)
                    })
            {
                throw error
            }
            if let error = try step(successor, .start, until: deadline, { successor.start() }) { throw error }
            try commit(hold)
        } catch {
            takeBack(transfer, from: successor, to: running)
            if hasSaved, running.descriptor.resumed != nil {
                _ = call(running, .resumed, until: self.deadline(in: currentOptions.reloadDeadline)) {
                    running.resumed()
                }
            }
            withdraw(hold)
            successor.state = .stopping
            let isStuck =
                error.kind == .timedOut
                || !end(successor, until: self.deadline(in: currentOptions.stopDeadline), afterStop: false)
            abandon(successor, isStuck: isStuck)
            throw error
        }
        transfer.pause = Clock.monotonicNanoseconds - start
        transfer.held = hold.count.load(ordering: .relaxed)
        return transfer
    }

    /// Has every loop hold the plugin's callbacks.
    private func begin(_ hold: PluginHold, until deadline: Int64) throws(PluginError) {
        let isHeld: Bool? = onControl {
            let isClosed = self.registry.withLock { registry in
                if !registry.isClosed { registry.holds.append(hold) }
                return registry.isClosed
            }
            // Cannot throw: the declarations in force have not changed.
            return isClosed ? nil : (try? self.publish(until: deadline)) ?? false
        }
        guard let isHeld else { throw hold.plugin.failure(.unavailable, "the host is stopping") }
        guard isHeld else { throw hold.plugin.failure(.failed, "an event loop is held up: \(running(in: nil))") }
    }

    /// Waits until the running version has finished the callbacks that it has accepted.
    private func quiesce(_ plugin: LoadedPlugin, until deadline: Int64) throws(PluginError) {
        let finished = plugin.allStrands.map { $0.begin { true } }
        for outcome in finished where wait(for: outcome, until: deadline) == nil {
            throw plugin.failure(
                .failed,
                "it has not finished its queue within \(currentOptions.reloadDeadline) ms: \(running(in: plugin)); \(plugin.budget.callbacks) callbacks wait"
            )
        }
        guard plugin.isolated?.drain(until: deadline) ?? true else {
            let callback = plugin.isolated?.oldest?.text(at: Clock.monotonicNanoseconds) ?? "its worker does not answer"
            throw plugin.failure(
                .failed,
                "it has not finished its queue within \(currentOptions.reloadDeadline) ms: \(callback); \(plugin.budget.callbacks) callbacks wait"
            )
        }
    }

    /// - Parameter hasSaved: set if `save` has not failed, or may still succeed.
    private func save(_ plugin: LoadedPlugin, until deadline: Int64, _ hasSaved: inout Bool) throws(PluginError)
        -> SavedState
    {
        guard plugin.descriptor.save != nil else { return SavedState() }
        guard let result = call(plugin, .save, until: deadline, { plugin.save() }) else {
            hasSaved = true
            // Not of kind `timedOut`: the new version did not fail.
            throw plugin.failure(.failed, "save has not returned within \(currentOptions.reloadDeadline) ms")
        }
        let saved = try result.get()
        hasSaved = true
        return saved
    }

    /// Waits until the running version has completed its kept tokens, except those that it passes on.
    private func waitForTokens(
        of plugin: LoadedPlugin, except passed: [ReplyToken], until deadline: Int64
    ) throws(PluginError) {
        let passed = Set(passed.map(\.raw))
        while true {
            let open = plugin.tokens.waiting.filter { !passed.contains($0.token.raw) }
            if open.isEmpty { return }
            guard Clock.monotonicNanoseconds < min(deadline, stopBy.load(ordering: .relaxed)) else {
                throw plugin.failure(
                    .failed,
                    "it has not completed \(open.count) kept tokens within \(currentOptions.reloadDeadline) ms: \(words(for: open)); complete them, or list them in save"
                )
            }
            pause()
        }
    }

    /// Moves tokens and streams to the new version.
    private func lend(_ transfer: inout Transfer, from running: LoadedPlugin, to successor: LoadedPlugin) {
        transfer.tokens = running.tokens.lend(transfer.saved.tokens)
        successor.tokens.adopt(transfer.tokens)
        transfer.saved.tokens = transfer.tokens.map(\.token)
        let (streams, last) = running.streams.lend(transfer.saved.streams)
        successor.streams.adopt(streams, last: last, by: successor)
        transfer.streams = streams
        transfer.saved.streams = streams.map(\.handle).filter { successor.streams[$0] != nil }
    }

    /// Moves tokens and streams back, except those that the new version has completed.
    private func takeBack(_ transfer: Transfer, from successor: LoadedPlugin, to running: LoadedPlugin) {
        running.tokens.takeBack(successor.tokens.lend(transfer.tokens.map(\.token)))
        let (streams, last) = successor.streams.lend(transfer.streams.map(\.handle))
        running.streams.adopt(streams, last: last, by: running)
    }

    /// Puts the new version in force in place of the running one, and has every loop pass on what it has held.
    private func commit(_ hold: PluginHold) throws(PluginError) {
        let (running, successor) = (hold.plugin, hold.successor)
        let isDone: Bool = onControl {
            let isClosed = self.registry.withLock { registry in
                guard !registry.isClosed else { return true }
                registry.replace(running, by: successor)
                registry.holds.removeAll { $0 === hold }
                return false
            }
            guard !isClosed, successor.run() else { return false }
            self.registry.withLock { $0.countLoad(of: successor) }
            hold.chooseSuccessor()
            running.state = .stopping
            running.replaced(by: successor)
            self.router.replace(running, by: successor.httpRoutes)
            // Cannot throw: `claim` has checked the declarations together.
            _ = try? self.publish()
            return true
        }
        guard isDone else { throw running.failure(.unavailable, "the host is stopping") }
        successor.armTimers(after: running)
        successor.watchReadiness()
    }

    /// Has every loop pass on to the running version what it has held.
    private func withdraw(_ hold: PluginHold) {
        onControl {
            self.registry.withLock { $0.holds.removeAll { $0 === hold } }
            _ = try? self.publish()
        }
    }

    /// Ends the version that was replaced, and reports.
    private func finish(
        _ running: LoadedPlugin, _ successor: LoadedPlugin, _ transfer: Transfer, since start: Int64
    ) -> PluginReload {
        registry.withLock { registry in
            if let index = registry.index(ofPlace: successor.place) { registry.planned[index].spec = successor.spec }
        }
        let report = PluginReload(
            status: successor.status, before: running.descriptor.version,
            pause: transfer.pause, held: transfer.held, stateBytes: transfer.saved.bytes.count,
            tokens: transfer.tokens.count, streams: transfer.streams.count,
            milliseconds: (Clock.monotonicNanoseconds - start) / 1_000_000, leftover: nil)
        successor.log.info("\(report)")
        Timer(label: "jackfield_plugin_reload_pause_seconds", dimensions: [("plugin", successor.name)])
            .recordNanoseconds(transfer.pause)
        // Answers that the running version waits for from clients and plugins.
        let limit = deadline(in: currentOptions.reloadDeadline)
        while running.pending.count > 0, Clock.monotonicNanoseconds < min(limit, stopBy.load(ordering: .relaxed)) {
            pause()
        }
        return report.with(leftover: onControl { self.retireReplaced(running, by: successor) })
    }

    /// Waits half a millisecond, between two looks at something that other threads change.
    private func pause() { _ = BlockingFuture<Bool>().wait(until: Clock.monotonicNanoseconds + 500_000) }

    /// [control]
    private func retireReplaced(_ running: LoadedPlugin, by successor: LoadedPlugin) -> PluginError? {
        let deadline = deadline(in: currentOptions.stopDeadline)
        let isUncalled = services.replace(running, by: successor, until: deadline)
        return retire(running, until: isUncalled ? deadline : Clock.monotonicNanoseconds)
    }

    // MARK: Words

    /// The callback that keeps the plugin, or the loops, from going on.
    private func running(in plugin: LoadedPlugin?) -> String {
        let now = Clock.monotonicNanoseconds
        let found = inspectCallbacks().filter { plugin == nil ? $0.loop != nil : $0.plugin === plugin }
        return found.min { $0.since < $1.since }.map { $0.text(at: now) } ?? "no callback runs"
    }

    private func words(for tokens: [ReplyTokenTable.Kept]) -> String {
        let now = Clock.monotonicNanoseconds
        let shown = tokens.prefix(5).map { kept in
            let tenths = max(0, now - kept.since) / 100_000_000
            return "\(words(for: kept.entry)) for \(tenths / 10).\(tenths % 10) s"
        }
        return shown.joined(separator: ", ") + (tokens.count > shown.count ? " and others" : "")
    }

    private func words(for entry: ReplyTokenEntry) -> String {
        switch entry {
        case .ack(let socket, let id):
            "the ack \(id) of socket \(info(socket).map { "\($0.id)" } ?? "")"
        case .reply: "an HTTP request"
        case .decision: "the decision about a client"
        case .call(let call): "a call of '\(call.method.type.name)'"
        }
    }
}

/// What a reload did.
public struct PluginReload: Sendable, CustomStringConvertible {
    /// Of the new version.
    public let status: PluginStatus
    /// The version before.
    public let before: String
    /// Nanoseconds for which clients' callbacks were held.
    public let pause: Int64
    /// Callbacks that were held.
    public let held: Int
    /// Bytes of the state that was passed on.
    public let stateBytes: Int
    /// Kept tokens that were passed on.
    public let tokens: Int
    /// Open streams that were passed on.
    public let streams: Int
    /// Time from the request until the new version was in force.
    public let milliseconds: Int64
    /// Why the version before did not end; `nil` if it did.
    public let leftover: PluginError?

    fileprivate func with(leftover: PluginError?) -> PluginReload {
        PluginReload(
            status: status, before: before, pause: pause, held: held, stateBytes: stateBytes, tokens: tokens,
            streams: streams, milliseconds: milliseconds, leftover: leftover)
    }

    public var description: String {
        let micros = pause / 1_000
        return
            "reloaded \(before) -> \(status.version) from \(status.path) in \(milliseconds) ms; held \(held) callbacks for \(micros / 1_000).\(micros / 100 % 10) ms; passed on \(stateBytes) bytes of state, \(tokens) tokens and \(streams) streams"
    }
}
