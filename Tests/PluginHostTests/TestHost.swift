import Foundation
import Glibc
import Logging
import Presence
import RawJSON
import SocketIO
import Support
import Synchronization
import Transport

@testable import PluginHost

/// A host on loops without I/O. Its authenticator accepts every client, as the user of `{"user":…}` in the CONNECT
/// payload.
final class TestHost: Sendable {
    let host: PluginHost.Host
    let loops: [TestLoop]
    let log: RecordingLog
    let presence = FixedPresence()
    let observer = RecordingObserver()
    private let refused = Refused()

    /// The refusals that the host reported, including errors that handlers answered with.
    var refusals: [RefusalRecord] { refused.records.withLock { $0 } }

    private final class Refused: Sendable {
        let records = Mutex<[RefusalRecord]>([])
    }

    init(loops count: Int = 1, _ options: HostOptions = HostOptions(), sockets: SocketOptions = SocketOptions()) throws
    {
        log = RecordingLog()
        let (handler, refused) = (log, refused)
        let loops = (0..<count).map { TestLoop(index: $0) }
        self.loops = loops
        let options = TestIsolation.applied(to: options)
        host = try Host(
            loops: loops, options: options, socketOptions: sockets, authenticator: TestAuthenticator(),
            httpAuthenticator: TestAuthenticator(), observer: observer, presence: presence,
            logger: Logger(label: "test", factory: { _ in handler }),
            onRefusal: { record in refused.records.withLock { $0.append(record) } })
        for loop in loops { loop.start(host) }
        for loop in loops { loop.sync { _ in } }
    }

    /// A host with the probe loaded.
    static func withProbe(
        loops: Int = 1, _ options: HostOptions = HostOptions(), sockets: SocketOptions = SocketOptions()
    ) async throws -> TestHost {
        let test = try TestHost(loops: loops, options, sockets: sockets)
        try await test.host.load(PluginSpec(path: try Fixture.library("probe"), config: Array(#"{"a":1}"#.utf8)))
        return test
    }

    func client(_ namespace: String = "/", loop: Int = 0, auth: String = "") -> TestClient {
        let client = TestClient(loops[loop], joining: namespace, auth: auth)
        _ = client.hear()
        return client
    }

    /// Waits until the first plugin has started to run everything in its queue.
    ///
    /// Blocks its thread on purpose: a suspended test may be resumed long after the plugin's second of sleep.
    func waitUntilQueueIsEmpty() {
        while host.status[0].queued > 0 { usleep(1_000) }
    }

    func stop() async {
        await host.shutdown(deadline: 1_000)
        for loop in loops { loop.stop() }
    }

    struct TestAuthenticator: ConnectAuthenticator, HTTPAuthenticator {
        func authenticate(_ attempt: ConnectAttempt) -> ConnectAuthResult {
            // Reads the top level only: a nested `user` is for a hook.
            guard let user = (try? JSONValue(parsing: attempt.auth))?["user"]?.string else {
                return .accept(ClientIdentity())
            }
            return .accept(ClientIdentity(user: user, claims: Array(#"{"sub":"x"}"#.utf8)))
        }

        func authenticate(_ request: HTTPRequest, _ access: RouteAccess) -> HTTPAuthResult {
            guard let token = request[header: "authorization"] else {
                return .refuse(status: 401, code: "token_missing", detail: "no token")
            }
            return .accept(ClientIdentity(user: ByteString(String(token.dropFirst(7)))))
        }
    }
}

/// alice is online with two connections; no other user is.
struct FixedPresence: PresenceSource {
    func isOnline(_ user: ByteString) -> Bool { user == "alice" }
    func connections(of user: ByteString) -> Int { user == "alice" ? 2 : 0 }
    var onlineCount: Int { 1 }
}

/// Records the notifications of sockets: the user, and when the claims expire.
final class RecordingObserver: SocketObserver {
    private let recorded = Mutex<[String]>([])

    var lines: [String] { recorded.withLock { $0 } }

    func socketConnected(_ socket: NamespaceSocket) {
        let line = "\(socket.user.map { "\($0)" } ?? "nobody") until \(socket.expiresAt ?? 0)"
        recorded.withLock { $0.append(line) }
    }

    func socketDisconnected(_ socket: NamespaceSocket, reason: DisconnectReason) {
        let line = "\(socket.user.map { "\($0)" } ?? "nobody") left"
        recorded.withLock { $0.append(line) }
    }
}

/// A log handler whose lines tests can read.
final class RecordingLog: LogHandler, Sendable {
    private let recorded = Mutex<[String]>([])
    /// Whether lines are printed as well, to debug a test.
    private static let isPrinted = getenv("JACKFIELD_TEST_LOG") != nil

    var lines: [String] { recorded.withLock { $0 } }

    /// The first line that contains `text`.
    func line(with text: String) -> String? { lines.first { $0.contains(text) } }

    /// The first line that contains `text`; waits for it up to five seconds.
    func waitForLine(with text: String) async -> String? {
        for _ in 0..<500 {
            if let line = line(with: text) { return line }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return nil
    }

    func log(event: LogEvent) {
        recorded.withLock { $0.append("\(event.level): \(event.message)") }
        if Self.isPrinted { print("\(event.level): \(event.message)") }
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
