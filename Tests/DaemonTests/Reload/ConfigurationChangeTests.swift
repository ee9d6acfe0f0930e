import Foundation
import RawJSON
import Testing

@testable import Daemon

@Suite("Changes of the configuration")
struct ConfigurationChangeTests {
    /// A file in which every key but `plugins` and `bind` has another value than the default.
    private static let other = """
        host: 127.0.0.2
        port: 9090
        eventLoops: 3
        ioUring: false
        path: /rt
        transports: [polling]
        allowUpgrades: false
        pingInterval: 1
        pingTimeout: 1
        upgradeTimeout: 1
        connectTimeout: 1
        maxHttpBufferSize: 5
        httpCompression: false
        perMessageDeflate: true
        connectionStateRecovery: true
        cookie: true
        cors: { origin: ["https://a.example"], credentials: false, methods: [GET], allowedHeaders: [x],
          exposedHeaders: [y], maxAge: 1 }
        auth: { required: false, algorithms: [HS384, HS256], issuer: i, audience: a, leeway: 1, requireExpiry: false,
          maxAge: 1, userClaim: u, secret: "another secret of the tests, which is long enough for HS384" }
        presence: { gracePeriod: 1 }
        namespaces: [/x]
        pluginPath: [/x]
        contracts: strict
        tryBeforeReload: false
        control: x.sock
        crashFile: x.crash
        workerFolder: x
        limits: { connections: 1, connectionsPerAddress: 2, sessions: 3, sessionsPerAddress: 4, sessionsBeforeConnect: 5,
          messageBeforeConnect: 6, memory: 1048577, outputBuffer: 8, httpBody: 9, roomsPerSocket: 10,
          namespacesPerConnection: 11, pendingAcksPerSocket: 12, presenceWatchesPerSocket: 13,
          presenceWatchBytesPerSocket: 14, pluginQueueCallbacks: 15, pluginQueueBytes: 1000001, pluginResultBytes: 17,
          pluginQueueSocketShare: 18, pluginQueueUserShare: 19, recoverySessions: 20, recoverySessionBytes: 21,
          recoveryEvents: 22, recoveryEventBytes: 23, startDeadline: 24, shutdownDeadline: 25,
          reloadDeadline: 26, slowCallback: 27 }
        log: { level: debug, format: json, repeatInterval: 1 }
        conformance: true
        demo: true
        """

    @Test("each key that has another value is found, with its class")
    func everyKey() throws {
        let (old, new) = (try load(""), try load(Self.other))
        let changes = old.changes(to: new)
        let keys = changes.map(\.key)
        #expect(Set(keys).count == keys.count)
        // Keys that are not compared by themselves: their section is off in one of the two.
        let sections = ["httpCompression", "perMessageDeflate", "connectionStateRecovery", "cookie", "conformance"]
        let expected = old.settings.map(\.key).filter { key in
            !["plugins", "bind"].contains(key) && !sections.contains { key.hasPrefix("\($0).") }
        }
        // A section that is on in both is not reported itself.
        let switches = ["cors", "auth"]
        #expect(Set(keys) == Set(expected).subtracting(switches).union(["auth.secret"]))
        #expect(changes.allSatisfy { $0.reloadClass != nil })
    }

    @Test("what is adopted are exactly the changes of the class live")
    func adopting() throws {
        let (old, new) = (try load(""), try load(Self.other))
        let adopted = old.adoptingLive(of: new)
        let changes = old.changes(to: new)
        #expect(old.changes(to: adopted) == changes.filter { $0.reloadClass == .live })
        #expect(adopted.changes(to: new) == changes.filter { $0.reloadClass == .restart })
        #expect(changes.contains { $0.reloadClass == .live } && changes.contains { $0.reloadClass == .restart })
        #expect(adopted.plugins == new.plugins && adopted.bind == new.bind)
    }

    @Test("a change shows both values")
    func values() throws {
        let changes = try load("port: 1\nlog: { level: info }").changes(to: load("port: 2\nlog: { level: debug }"))
        #expect(changes.map(\.description) == ["port: 1 -> 2", #"log.level: "info" -> "debug""#])
        #expect(changes[0].json == ["key": "port", "old": 1, "new": 2])
    }

    @Test("a section that is switched on or off is one change")
    func sections() throws {
        let off = try load("cors: false")
        #expect(try load("").changes(to: off).map(\.description) == ["cors: true -> false"])
        #expect(off.changes(to: try load("")).map(\.description) == ["cors: false -> true"])
        #expect(try load("").changes(to: load("auth: false")).map(\.description) == ["auth: true -> false"])
    }

    @Test("a change of a key for tokens shows how long the keys are, and no byte of them")
    func secrets() throws {
        let first = try load(#"auth: { secret: "first secret, which is long enough for HS256" }"#)
        let second = try load(#"auth: { secret: "other secret, which is long enough for HS256" }"#)
        #expect(first.changes(to: second).map(\.description) == [#"auth.secret: "44 bytes" -> "44 other bytes""#])
        #expect(first.changes(to: try load("")).map(\.description) == [#"auth.secret: "44 bytes" -> "32 bytes""#])
        #expect(first.changes(to: first).isEmpty)
    }
}
