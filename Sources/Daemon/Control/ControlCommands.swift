import Foundation
import PluginHost
import Presence
import RawJSON
import Support

/// Carries out the commands of the control socket. [any-thread]
struct ControlCommands: Sendable {
    let host: PluginHost.Host
    let presence: PresenceService
    /// Begins to stop the daemon, as SIGTERM does, and returns at once.
    let stop: @Sendable () -> Void
    let reload: ConfigurationReload

    /// The names of the commands, for errors.
    private static let names = [
        "drain", "plugin.list", "plugin.load", "plugin.reload", "plugin.unload", "presence", "reload", "rooms",
        "sockets",
    ]

    /// The answer to a request: `{"ok": …}` or `{"error": {"code", "message"}}`.
    func answer(_ request: ControlRequest) async -> JSONValue {
        do throws(ControlError) {
            return ["ok": try await result(of: request)]
        } catch {
            return error.answer
        }
    }

    private func result(of request: ControlRequest) async throws(ControlError) -> JSONValue {
        switch request.command {
        case "plugin.list": return try list(request)
        case "plugin.load": return try await load(request)
        case "plugin.reload": return try await reloadPlugin(request)
        case "plugin.unload": return try await unload(request)
        case "presence": return try presence(request)
        case "rooms": return try await rooms(request)
        case "sockets": return try await sockets(request)
        case "drain": return try drain(request)
        case "reload": return try await reloadConfiguration(request)
        default:
            let nearest = Spelling.nearest(to: request.command, among: Self.names)
            throw ControlError(
                .unknownCommand,
                "this daemon, version \(JackfieldDaemon.version), has no command '\(request.command)'"
                    + (nearest.map { "; did you mean '\($0)'?" } ?? ""))
        }
    }

    private func reloadConfiguration(_ request: ControlRequest) async throws(ControlError) -> JSONValue {
        try request.allow("check")
        let isCheck = try request.flag("check")
        let start = Clock.monotonicMilliseconds
        do throws(ReloadFailure) {
            let report = try await reload.reload(isCheck: isCheck)
            return .object(
                (report.json.object ?? []) + [.init("milliseconds", .integer(Clock.monotonicMilliseconds - start))])
        } catch {
            throw ControlError(error)
        }
    }

    // MARK: - Plugins

    private func list(_ request: ControlRequest) throws(ControlError) -> JSONValue {
        try request.allow()
        var running = host.status
        var stuck = host.givenUp
        var plugins: [JSONValue] = []
        for planned in host.plannedPlugins {
            if let index = running.firstIndex(where: { $0.name == planned.name }), !planned.hasFailed {
                plugins.append(running.remove(at: index).json)
            } else if let index = stuck.firstIndex(of: planned.name) {
                plugins.append(Self.json(stuck: stuck.remove(at: index)))
            } else {
                plugins.append(planned.json)
            }
        }
        plugins += running.map(\.json)
        plugins += stuck.map { Self.json(stuck: $0) }
        return ["plugins": .array(plugins)]
    }

    /// A plugin that was given up.
    private static func json(stuck name: String) -> JSONValue { ["name": .string(name), "state": "stuck"] }

    /// A planned plugin is loaded as the configuration says, except for what the request names.
    private func load(_ request: ControlRequest) async throws(ControlError) -> JSONValue {
        try request.allow("path", "name", "config")
        let path = try request.text(required: "path")
        let name = try request.text("name")
        if let name, !Self.isPluginName(name) {
            throw ControlError(.invalidArguments, "'\(name)' is no name of a plugin: write 1 to 64 of a-z, 0-9 and '-'")
        }
        let config = request.value("config")?.serialized
        let start = Clock.monotonicMilliseconds
        let status: PluginStatus
        do {
            if let entry = try planned(path, name: name) {
                if config != nil, case .library = entry.spec.kind {
                    throw ControlError(
                        .invalidArguments, "'\(path)' is a library of bind:, and takes no configuration")
                }
                status = try await host.load(planned: entry.place, config: config)
            } else {
                status = try await host.load(PluginSpec(path: path, name: name ?? "", config: config ?? []))
            }
        } catch let error as PluginError {
            throw ControlError(error)
        } catch let error as ControlError {
            throw error
        } catch {
            throw ControlError(.failed, "\(error)")
        }
        return ["plugin": status.json, "milliseconds": .integer(Clock.monotonicMilliseconds - start)]
    }

    /// The loaded plugin that a request names.
    private func loadedPlugin(_ request: ControlRequest) throws(ControlError) -> PluginStatus {
        let name = try request.text(required: "name")
        let loaded = host.status
        guard let plugin = loaded.first(where: { $0.name == name }) else {
            let names = loaded.map(\.name)
            var remedy = names.isEmpty ? "no plugin is" : "loaded: \(names.joined(separator: ", "))"
            if let nearest = Spelling.nearest(to: name, among: names) { remedy = "did you mean '\(nearest)'?" }
            throw ControlError(.notFound, "plugin '\(name)' is not loaded; \(remedy)")
        }
        return plugin
    }

    /// Replaces a plugin by a new version. Without `path` its file is loaded again, without `config` it keeps its
    /// configuration.
    private func reloadPlugin(_ request: ControlRequest) async throws(ControlError) -> JSONValue {
        try request.allow("name", "path", "config")
        let name = try loadedPlugin(request).name
        let (path, config) = (try request.text("path"), request.value("config")?.serialized)
        let report: PluginReload
        do throws(PluginError) {
            report = try await host.reload(name, path: path, config: config)
        } catch {
            throw ControlError(error)
        }
        return report.json
    }

    private func unload(_ request: ControlRequest) async throws(ControlError) -> JSONValue {
        try request.allow("name")
        let name = try loadedPlugin(request).name
        let start = Clock.monotonicMilliseconds
        do throws(PluginError) {
            try await host.unload(name)
        } catch {
            throw ControlError(error)
        }
        return ["name": .string(name), "milliseconds": .integer(Clock.monotonicMilliseconds - start)]
    }

    /// The planned plugin that an operator means, by its name, or by the name or path of its file; `nil` if none.
    ///
    /// - Throws: if several are meant, or it is loaded.
    private func planned(_ path: String, name: String?) throws(ControlError) -> PlannedPlugin? {
        let planned = host.plannedPlugins
        var found = planned.filter { $0.name == path }
        if found.isEmpty { found = planned.filter { Self.isSame($0.spec.path, path) } }
        if let name { found = found.filter { $0.name == name } }
        guard let entry = found.first else { return nil }
        guard found.count == 1 else {
            let names = found.map(\.name).joined(separator: ", ")
            throw ControlError(
                .invalidArguments, "the configuration has '\(path)' \(found.count) times; name one of \(names)")
        }
        let plugin = entry.name
        switch entry.phase {
        case .waiting, .loading: throw ControlError(.conflict, "plugin '\(plugin)' is being loaded; wait for it")
        case .failed, .loaded: break
        }
        if let loaded = host.status.first(where: { $0.name == plugin }) {
            throw ControlError(
                .conflict,
                "plugin '\(plugin)' is loaded from \(loaded.path); unload it first, or load another with a name of its own"
            )
        }
        return entry
    }

    private static func isSame(_ path: String, _ other: String) -> Bool {
        if path == other { return true }
        guard path.contains("/"), other.contains("/") else { return false }
        let files = [path, other].map { URL(fileURLWithPath: $0).standardizedFileURL.path }
        return files[0] == files[1]
    }

    private static func isPluginName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") }
    }
}

extension ControlError {
    init(_ error: PluginError) {
        let code: Code =
            switch error.kind {
            case .missing: .notFound
            case .conflict: .conflict
            case .unavailable: .unavailable
            case .notAPlugin, .incompatible, .badDescriptor, .failed, .timedOut: .failed
            }
        self.init(code, "\(error)")
    }
}

extension PluginReload {
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("plugin", status.json), .init("before", .string(before)),
            .init("milliseconds", .integer(milliseconds)), .init("held_callbacks", .integer(held)),
            .init("held_microseconds", .integer(pause / 1_000)), .init("state_bytes", .integer(stateBytes)),
            .init("tokens", .integer(tokens)), .init("streams", .integer(streams)),
        ]
        if let leftover { members.append(.init("warning", .string("\(leftover)"))) }
        return .object(members)
    }
}

extension PluginStatus {
    /// What was refused, by the reason.
    private var refusals: [(reason: String, count: UInt64)] {
        [
            ("queue_full", refused), ("socket_share", refusedForSocket), ("user_share", refusedForUser),
            ("invalid_arguments", refusedArguments), ("mailbox_full", refusedOperations), ("joins", refusedJoins),
            ("presence_watches", refusedWatches), ("results", droppedResults), ("log_lines", suppressedLogLines),
        ]
    }

    /// The histogram of callbacks: `{"le_seconds": 0.001, "count": 7}` for each bucket that is not empty, not
    /// cumulative; the bound of the last bucket is null.
    private var times: [JSONValue] {
        zip(Self.callbackBounds.map { Optional($0) } + [nil], callbackTimes).filter { $0.1 > 0 }.map {
            ["le_seconds": $0.0.map { .double(Double($0) / 1e9) } ?? .null, "count": .integer($0.1)]
        }
    }

    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("name", .string(name)), .init("version", .string(version)), .init("state", .string("\(state)")),
            .init("generation", .integer(generation)), .init("path", .string(path)),
            .init("queued", .integer(queued)), .init("queued_bytes", .integer(queuedBytes)),
            .init("queue_age_ms", .integer(oldestWait / 1_000_000)),
            .init("kept_tokens", .integer(keptTokens)), .init("handled", .integer(handled)),
            .init("refused", .integer(refused + refusedForSocket + refusedForUser)),
            .init("refusals", .object(refusals.map { .init(ByteString($0.reason), .integer($0.count)) })),
            .init("errors", .object(errors.map { .init(ByteString($0.kind), .integer($0.count)) })),
            .init("callback_seconds", .double(Double(handlerNanoseconds) / 1e9)),
            .init("callback_times", .array(times)),
            .init("slow_callbacks", .integer(slowCallbacks)), .init("slow_inline_calls", .integer(slowInlineCalls)),
            .init("reloads", .integer(reloads)), .init("restarts", .integer(restarts)),
            .init("memory_bytes", memory.map { .integer($0) } ?? .null),
            .init("timers", .integer(timers)), .init("streams", .integer(streams)),
            .init("provides", .array(providedServices.map { .string($0) })),
            .init(
                "binds",
                .array(
                    boundServices.map {
                        ["service": .string($0.title), "provider": $0.provider.map { .string($0) } ?? .null]
                    })),
        ]
        if let worker {
            members.append(
                .init(
                    "worker",
                    [
                        "process": .integer(worker.process), "memory": .integer(worker.memoryBytes),
                        "restarts": .integer(worker.restarts),
                    ]))
        }
        if let notReady { members.append(.init("reason", .string(notReady))) }
        return .object(members)
    }
}

extension PlannedPlugin {
    /// A planned plugin that is not in force.
    fileprivate var json: JSONValue {
        var members: [JSONValue.Member] = [.init("name", .string(name)), .init("path", .string(spec.path))]
        switch phase {
        case .waiting: members.append(.init("state", "waiting"))
        case .loading: members.append(.init("state", "loading"))
        case .loaded: members.append(.init("state", "unloaded"))
        case .failed(let error): members += [.init("state", "failed"), .init("reason", .string("\(error)"))]
        }
        return .object(members)
    }
}
