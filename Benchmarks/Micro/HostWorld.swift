import EngineIO
import Glibc
import Logging
import PluginHost
import Presence
import SocketIO
import Synchronization
import Transport

/// One event loop with the plugin host and a C plugin on it, up to the socket: the way of an event but for the network.
final class HostWorld {
    private struct TestAuthenticator: ConnectAuthenticator {
        func authenticate(_ attempt: ConnectAttempt) -> ConnectAuthResult { .accept(ClientIdentity()) }
    }

    /// How loading ended.
    private final class Loading: Sendable {
        private let state = Mutex<(hasEnded: Bool, failure: String?)>((false, nil))
        var hasEnded: Bool { state.withLock { $0.hasEnded } }
        var failure: String? { state.withLock { $0.failure } }
        func end(_ failure: String?) { state.withLock { $0 = (true, failure) } }
    }

    /// Where the plugins are; nil if nobody built them: their benchmarks are then left out.
    static let plugins: String? = getenv("BENCH_PLUGINS").map { String(cString: $0) }

    let output = MemoryWebSocket()
    let session: Session
    /// Where the plugin's routes are.
    var router: HTTPRouter { host.router }
    private let loop = MemoryLoop()
    private let host: Host
    private let shard: Shard
    private let table: SessionTable

    init(plugin name: String) {
        let presence = PresenceService { _ in }
        var options = HostOptions()
        // A minute. Under valgrind a call that is quick otherwise takes longer than the default, and each slow call has
        // the next thousand timed: the count of instructions would depend on the clock.
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
        // Loading waits for the loops to adopt what the plugin declares, so this one has to tick meanwhile.
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

    /// Events in batches, answered inline or through a strand: each batch is over when all its
    /// answers have been written.
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
