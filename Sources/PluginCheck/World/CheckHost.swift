import EngineIO
import Foundation
import Logging
import PluginHost
import Presence
import SocketIO
import Support
import Synchronization
import Transport

/// A host on two event loops, with clients in memory and, if a test asks for it, a server for HTTP on 127.0.0.1.
///
/// `@unchecked Sendable`: `tables` is written on the loops before `init` returns, and each element used on its loop;
/// `port` is used by the thread of the test.
final class CheckHost: @unchecked Sendable {
    let host: PluginHost.Host
    let loops = Loops(count: 2)
    let presence: PresenceService
    let signals = CheckSignals()
    let log = CheckLog()
    private let run: CheckRun
    private let misuse: Misuse
    private var tables: [SessionTable] = []
    private var server: (server: Server, port: Int)?
    private let connections = Atomic<Int>(0)

    /// The lines that the host logged because the plugin broke a rule of the header.
    private final class Misuse: Sendable {
        let lines = Mutex<[(line: String, isArgument: Bool)]>([])
        static let most = 64
    }

    /// - Parameter configure: changes the options of the host.
    init(_ run: CheckRun, _ configure: (inout HostOptions) -> Void = { _ in }) throws {
        self.run = run
        let (misuse, log) = (Misuse(), log)
        self.misuse = misuse
        var options = HostOptions()
        options.startDeadline = run.options.deadline
        options.stopDeadline = run.options.deadline
        if run.options.isIsolated { options.isolation = .process }
        // A decision that a plugin owes is made by the host then, well before the client of the check gives up.
        options.decisionDeadline = max(100, run.options.deadline / 2)
        options.onMisuse = { line, isArgument in
            misuse.lines.withLock { lines in
                guard lines.count < Misuse.most, !lines.contains(where: { $0.line.utf8.elementsEqual(line.utf8) })
                else {
                    return
                }
                lines.append((line, isArgument))
            }
        }
        configure(&options)
        let notify = PresenceNotifier()
        presence = PresenceService(gracePeriod: 20) { notify.changed($0) }
        let authenticator = CheckAuthenticator()
        host = try PluginHost.Host(
            loops: loops.all, options: options, authenticator: authenticator, httpAuthenticator: authenticator,
            observer: PresenceObserver(presence: presence), presence: presence, signals: signals,
            logger: Logger(label: "check", factory: { _ in log }))
        notify.host.withLock { $0 = host }
        waitFor { [host, loops] in
            try? await loops.start { host.makeShard(index: $0.index, timers: $0.timers) }
        }
        var engine = EngineOptions()
        // No test lasts so long that its clients must answer pings.
        engine.pingInterval = 3_600_000
        for loop in loops.all {
            let table = onLoop(loop.index) { [engine] _ in
                SessionTable(options: engine, timers: loop.timers, loop: loop.index)
            }
            guard let table else { throw CheckFailure("an event loop of the check does not run") }
            tables.append(table)
        }
    }

    /// Milliseconds that one callback may take.
    var deadline: Int { run.options.deadline }

    // MARK: The plugin

    /// The name of the plugin, once it is loaded.
    private(set) var name = ""

    /// Loads the plugin that is checked.
    func load() throws {
        run.step("the plugin is loaded")
        let (host, spec) = (host, run.spec)
        do throws(PluginError) {
            name = try waitFor { () async -> Result<PluginStatus, PluginError> in
                do throws(PluginError) { return .success(try await host.load(spec)) } catch { return .failure(error) }
            }.get().name
        } catch {
            throw CheckFailure(error.problem)
        }
    }

    func tryOut() throws {
        let (host, spec) = (host, run.spec)
        do throws(PluginError) {
            try waitFor { () async -> Result<Void, PluginError> in
                do throws(PluginError) { return .success(try await host.tryOut(spec)) } catch { return .failure(error) }
            }.get()
        } catch {
            throw CheckFailure(error.problem)
        }
    }

    func unload() throws {
        try checkWorker()
        run.step("the plugin is unloaded")
        let (host, name) = (host, name)
        do throws(PluginError) {
            try waitFor { () async -> Result<Void, PluginError> in
                do throws(PluginError) { return .success(try await host.unload(name)) } catch { return .failure(error) }
            }.get()
        } catch {
            throw CheckFailure(error.problem)
        }
        try checkWorker()
    }

    /// Replaces the plugin by another load of its file, as an operator does.
    func reload() throws {
        let (host, name) = (host, name)
        do throws(PluginError) {
            let report = try waitFor { () async -> Result<PluginReload, PluginError> in
                do throws(PluginError) { return .success(try await host.reload(name)) } catch { return .failure(error) }
            }.get()
            if let leftover = report.leftover { throw leftover }
        } catch {
            throw CheckFailure(error.problem)
        }
    }

    var descriptor: PluginDescriptor {
        get throws {
            guard let descriptor = host.descriptor(of: name) else { throw CheckFailure("the plugin is not in force") }
            return descriptor
        }
    }

    var status: PluginStatus? { status(of: name) }

    private func status(of name: String) -> PluginStatus? { host.status.first { $0.name == name } }

    /// What the plugin did wrong, in the host's words; whether only an argument of a call was wrong.
    var misuses: [(line: String, isArgument: Bool)] { misuse.lines.withLock { $0 } }

    /// Whether the plugin has nothing to do: no callback waits or runs, and it keeps no token.
    var isIdle: Bool {
        guard let status else { return true }
        return status.queued == 0 && status.keptTokens == 0 && host.runningCallbacks().isEmpty
    }

    /// Waits until the queue of the plugin is empty, and none of its callbacks runs.
    ///
    /// - Throws: which callback has not returned within its deadline.
    func settle() throws { try settle(named: name) }

    /// As ``settle()``, for a plugin that the test has loaded itself.
    func settle(named name: String) throws {
        let end = Clock.monotonicMilliseconds + Int64(run.options.deadline)
        while let status = status(of: name), status.queued > 0 || !host.runningCallbacks().isEmpty {
            try checkWorker()
            guard Clock.monotonicMilliseconds < end else { throw hang() }
            usleep(1_000)
        }
    }

    /// Throws if the worker process of an isolated plugin has ended: the host starts another one, and all goes on.
    private func checkWorker() throws {
        guard run.options.isIsolated, let line = log.lines.first(where: { $0.contains("callbacks were lost") }) else {
            return
        }
        throw CheckFailure(line)
    }

    /// The failure that names what did not return in time.
    func hang() -> CheckFailure {
        if case .failure(let failure as CheckFailure) = Result(catching: { try checkWorker() }) { return failure }
        let running = host.callbacks(runningFor: run.options.deadline / 2)
        let text = running.isEmpty ? "the plugin has not finished its work" : running.joined(separator: "; ")
        return CheckFailure("\(text); a callback should return within \(run.options.deadline) ms")
    }

    // MARK: Clients

    /// Runs `body` on a loop and waits for its result; `nil` if the loop is held up.
    func onLoop<Value>(_ index: Int, _ body: @escaping @Sendable (Shard) -> Value) -> Value? {
        let outcome = LoopOutcome<Value>()
        loops.all[index].execute { outcome.fulfil(body($0)) }
        return outcome.wait(milliseconds: run.options.deadline)
    }

    /// Opens a connection and joins a namespace.
    ///
    /// - Parameter auth: the payload of the CONNECT: a JSON object, or empty; `nil`: that of the options.
    func client(_ namespace: ByteString = "/", auth: String? = nil) throws -> CheckClient {
        let number = connections.wrappingAdd(1, ordering: .relaxed).newValue
        let client = try CheckClient(self, loop: number % loops.all.count, number: number)
        try client.join(namespace, auth: auth ?? run.options.auth)
        return client
    }

    /// [loop]
    func table(_ loop: Int) -> SessionTable { tables[loop] }

    // MARK: HTTP

    /// The port of the server, which is started by the first call.
    func port() throws -> Int {
        if let server { return server.port }
        let host = host
        var options = TransportOptions()
        options.allowRequest = { host.allowRequest($0) }
        let server = Server(
            options: options, loops: loops, http: host.router, logger: Logger(label: "check", factory: { _ in log }))
        guard let port = waitFor({ try? await server.start(host: "127.0.0.1", port: 0) }) else {
            throw CheckFailure("the check cannot listen on 127.0.0.1")
        }
        self.server = (server, port)
        return port
    }

    func stop() {
        let (host, server, loops, deadline) = (host, server?.server, loops, run.options.deadline)
        waitFor {
            await host.shutdown(deadline: deadline)
            await server?.shutdown()
            try? await loops.shutdown()
        }
    }
}

/// A result that a loop stores and a thread waits for. The thread may stop waiting first.
///
/// `@unchecked Sendable`: `value` is used under the lock; a value that is not Sendable is not used on the loop after it
/// was stored.
private final class LoopOutcome<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var value: Value?
    private let done = DispatchSemaphore(value: 0)

    func fulfil(_ value: Value) {
        lock.withLock { self.value = value }
        done.signal()
    }

    func wait() -> Value {
        done.wait()
        guard let value = lock.withLock({ value }) else { preconditionFailure("signalled without a value") }
        return value
    }

    func wait(milliseconds: Int) -> Value? {
        guard done.wait(timeout: .now() + .milliseconds(milliseconds)) == .success else { return nil }
        return lock.withLock { value }
    }
}

/// Waits for an asynchronous function, on a thread that runs no task.
@discardableResult
func waitFor<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) -> Value {
    let outcome = LoopOutcome<Value>()
    Task.detached { outcome.fulfil(await body()) }
    return outcome.wait()
}

/// Every client is accepted; it is the user of `{"user": …}` in the CONNECT, or of its token over HTTP.
private struct CheckAuthenticator: ConnectAuthenticator, HTTPAuthenticator {
    func authenticate(_ attempt: ConnectAttempt) -> ConnectAuthResult {
        .accept(ClientIdentity(user: CheckClient.user(ofAuth: attempt.auth), claims: Array(#"{"sub":"checked"}"#.utf8)))
    }

    func authenticate(_ request: HTTPRequest, _ access: RouteAccess) -> HTTPAuthResult {
        guard let token = request[header: "authorization"] else {
            return access.token == .required
                ? .refuse(status: 401, code: "token_missing", detail: "no token") : .accept(ClientIdentity())
        }
        return .accept(ClientIdentity(user: ByteString(String(token.dropFirst(7)))))
    }
}

/// Passes the changes of presence to the host, which is made after it.
private final class PresenceNotifier: Sendable {
    let host = Mutex<PluginHost.Host?>(nil)

    func changed(_ changes: [PresenceChange]) {
        host.withLock { $0 }?.presenceChanged(changes)
    }
}

/// Counts the clients of each user.
private struct PresenceObserver: SocketObserver {
    let presence: PresenceService

    func socketConnected(_ socket: NamespaceSocket) {
        guard let user = socket.user else { return }
        presence.connect(user, connection: socket.connection, now: Clock.wallMilliseconds)
    }

    func socketDisconnected(_ socket: NamespaceSocket, reason: DisconnectReason) {
        guard let user = socket.user else { return }
        presence.disconnect(user, connection: socket.connection, now: Clock.wallMilliseconds)
    }
}

/// Keeps the last lines of the log.
final class CheckLog: LogHandler, Sendable {
    private let recorded = Mutex<[String]>([])
    private static let most = 200

    var lines: [String] { recorded.withLock { $0 } }

    func log(event: LogEvent) {
        let line = "\(event.level): \(event.message)".cut(to: 1_024)
        recorded.withLock { lines in
            if lines.count >= Self.most { lines.removeFirst(Self.most / 2) }
            lines.append(line)
        }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }

    var logLevel: Logger.Level {
        get { .debug }
        set {}
    }
}
