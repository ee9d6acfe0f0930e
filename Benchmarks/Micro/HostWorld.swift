import EngineIO
import Glibc
import Logging
import PluginHost
import Presence
import SocketIO
import Synchronization
import Transport

/// One event loop with the plugin host, a C plugin and a connected socket: the whole path of an event except the
/// network.
final class HostWorld {
    private struct TestAuthenticator: ConnectAuthenticator {
        func authenticate(_ attempt: ConnectAttempt) -> ConnectAuthResult { .accept(ClientIdentity()) }
    }

    /// The result of loading the plugin.
    private final class Loading: Sendable {
        private let state = Mutex<(hasEnded: Bool, failure: String?)>((false, nil))
        var hasEnded: Bool { state.withLock { $0.hasEnded } }
        var failure: String? { state.withLock { $0.failure } }
        func end(_ failure: String?) { state.withLock { $0 = (true, failure) } }
    }

    /// The folder of the plugins; nil if they were not built: then their benchmarks are left out.
    static let plugins: String? = getenv("BENCH_PLUGINS").map { String(cString: $0) }

    let output = MemoryWebSocket()
    let session: Session
    /// The plugin's routes.
    var router: HTTPRouter { host.router }
    private let loop = MemoryLoop()
    private let host: Host
    private let shard: Shard
    private let table: SessionTable

    init(plugin name: String) {
        let presence = PresenceService { _ in }
        var options = HostOptions()
        // One minute. Under valgrind, calls take longer than the default budget. The host times the next thousand calls
        // after each slow one, so the count of instructions would depend on the clock.
        options.inlineBudget = 60_000_000
        guard let folder = Self.plugins,
            let host = try? Host(
                loops: [loop], options: options, authenticator: TestAuthenticator(),
                httpAuthenticator: BenchmarkAuthenticator(), presence: presence,
                logger: Logger(label: "bench", factory: { _ in SwiftLogNoOpLogHandler() }))
        else { fail("the benchmark's plugin host could not be made") }
        self.host = host
        let timers = TimerWheel()
        shard = host.makeShard(index: 0, timers: timers)
        loop.shard = shard
        table = SessionTable(options: EngineOptions(), timers: timers, loop: 0)
        Self.load(PluginSpec(path: "\(folder)/\(name).so"), into: host, ticking: loop)
        let handshakeRequest = HandshakeRequest(
            remoteAddress: "127.0.0.1", secure: false, uri: "/socket.io/?EIO=4", issued: 0, headers: [])
        session = table.open(handshakeRequest, over: output)
        shard.open(session)
        var connect = Message("40")
        let (session, output) = (session, output)
        connect.withFreshBytes { session.webSocketReceived(text: $0, over: output) }
        loop.tick(within: .milliseconds(10))
    }

    private static func load(_ spec: PluginSpec, into host: Host, ticking loop: MemoryLoop) {
        // Loading waits until the loops have installed the plugin's declarations, so this loop must tick meanwhile.
        let loading = Loading()
        Task.detached {
            do {
                try await host.load(spec)
                loading.end(nil)
            } catch {
                loading.end("\(error)")
            }
        }
        while !loading.hasEnded { loop.tick(within: .milliseconds(10)) }
        if let failure = loading.failure { fail("the benchmark's plugin was not loaded: \(failure)") }
    }

    /// Sends events in batches, answered inline or on a strand. Waits for all answers of a batch before the next one.
    func repeating(_ text: StaticString, batch: Int, answers: Int = 1) -> (Int) -> Void {
        var message = Message(text)
        return { [self] count in
            var left = count
            while left > 0 {
                let wanted = output.messages + min(batch, left) * answers
                for _ in 0..<min(batch, left) {
                    message.withFreshBytes { session.webSocketReceived(text: $0, over: output) }
                }
                while output.messages < wanted { loop.tick() }
                left -= batch
            }
        }
    }
}
