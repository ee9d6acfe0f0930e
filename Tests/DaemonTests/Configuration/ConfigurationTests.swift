import Foundation
import Identity
import PluginHost
import Testing

@testable import Daemon

@Suite("Configuration")
struct ConfigurationTests {
    @Test(
        "an empty file, one of comments alone, and one of null mean the defaults",
        arguments: ["", "# nothing\n", "null", "---\n"])
    func emptyFile(yaml: String) throws {
        var expected = Configuration()
        expected.auth?.secret = Configuration.Secret(bytes: Array(environmentWithKey["JWT_SECRET"]!.utf8))
        #expect(try load(yaml) == expected)
    }

    @Test("a key without a value counts as absent")
    func nullIsAbsent() throws {
        #expect(try load("port:\nauth:\n  issuer:\nplugins: null\ncookie: ~") == load(""))
    }

    @Test("every setting of Socket.IO is read in its own unit")
    func socketIO() throws {
        let configuration = try load(
            """
            path: /rt/
            transports: [websocket]
            allowUpgrades: false
            pingInterval: 300
            pingTimeout: 200
            upgradeTimeout: 1
            connectTimeout: 1000
            maxHttpBufferSize: 1e8
            httpCompression: false
            perMessageDeflate: { threshold: 0, serverNoContextTakeover: true, clientMaxWindowBits: 9 }
            connectionStateRecovery: { maxDisconnectionDuration: 60000, skipMiddlewares: false }
            cookie: { name: sid, path: /rt, httpOnly: false, sameSite: none, secure: true, domain: example.com, maxAge: 60 }
            """)
        #expect(configuration.path == "/rt")
        #expect(configuration.transports == [.websocket])
        #expect(!configuration.allowUpgrades)
        #expect(configuration.pingInterval == .milliseconds(300))
        #expect(configuration.pingTimeout == .milliseconds(200))
        #expect(configuration.upgradeTimeout == .milliseconds(1))
        #expect(configuration.connectTimeout == .seconds(1))
        #expect(configuration.maxHttpBufferSize == 100_000_000)
        #expect(configuration.httpCompression == nil)
        let deflate = try #require(configuration.perMessageDeflate)
        #expect(deflate.threshold == 0 && deflate.serverNoContextTakeover && deflate.clientMaxWindowBits == 9)
        let recovery = try #require(configuration.connectionStateRecovery)
        #expect(recovery.maxDisconnectionDuration == .seconds(60) && !recovery.skipMiddlewares)
        let cookie = try #require(configuration.cookie)
        #expect(cookie.name == "sid" && cookie.path == "/rt" && !cookie.httpOnly && cookie.secure)
        #expect(cookie.sameSite == .none && cookie.domain == "example.com" && cookie.maxAge == 60)
    }

    @Test("a feature set to true has its defaults")
    func featureTrue() throws {
        let configuration = try load(
            "cookie: true\nperMessageDeflate: true\nconnectionStateRecovery: true\nhttpCompression: true")
        #expect(configuration.cookie == Configuration.Cookie())
        #expect(configuration.perMessageDeflate == Configuration.PerMessageDeflate())
        #expect(configuration.connectionStateRecovery == Configuration.ConnectionStateRecovery())
        #expect(configuration.httpCompression == Configuration.HTTPCompression())
    }

    @Test("the origin is one, a list, the request's own, or any")
    func origins() throws {
        #expect(try load("cors: { origin: 'HTTPS://Example.com:443' }").cors?.origin == .one("https://example.com"))
        #expect(
            try load("cors: { origin: ['http://a', 'http://[::1]:80'] }").cors?.origin
                == .list(["http://a", "http://[::1]"]))
        #expect(try load("cors: { origin: true }").cors?.origin == .reflect)
        #expect(try load("cors: { origin: true }").cors?.credentials == true)
        #expect(try load("cors: { origin: '*' }").cors?.origin == .any)
        #expect(try load("cors: { origin: '*' }").cors?.credentials == false)
        #expect(try load("cors: false").cors == nil)
    }

    @Test("lists of headers are YAML lists, or text with commas")
    func headerLists() throws {
        let cors = try load("cors: { allowedHeaders: 'authorization, content-type', exposedHeaders: [etag] }").cors
        #expect(cors?.allowedHeaders == ["authorization", "content-type"])
        #expect(cors?.exposedHeaders == ["etag"])
    }

    @Test("a plugin is a name or a section, and its configuration arrives as JSON in the order of the file")
    func plugins() throws {
        let plugins = try load(
            """
            plugins:
              - rooms
              - path: ./hello.so
                required: true
                config:
                  store: "sqlite:${FOLDER}/x.db"
                  limits: [1, 2.5, 0x10, 1e3]
                  country: no
                  on: true
                  nothing: null
                  version: "1.0"
            """, environment: environmentWithKey.merging(["FOLDER": "data"]) { $1 }
        ).plugins
        #expect(plugins.map(\.path) == ["rooms", "./hello.so"])
        #expect(plugins.map(\.required) == [false, true])
        #expect(String(decoding: plugins[0].config, as: UTF8.self) == "null")
        #expect(
            String(decoding: plugins[1].config, as: UTF8.self)
                == #"{"store":"sqlite:data/x.db","limits":[1,2.5,16,1000],"country":"no","on":true,"nothing":null,"version":"1.0"}"#
        )
    }

    @Test("a bound library is a name with signatures, and what is not said has its default")
    func boundLibraries() throws {
        let configuration = try load(
            """
            plugins: [rooms]
            bind:
              - library: libm.so.6
                functions: { "math:cos": "cos(x: f64) -> f64" }
              - library: ./lib/Text-Tools_2.so
                run: parallel
                service: text.tools
                version: 2.10
                functions:
                  text:upper: "upper(text: string) -> string"
                  text:lower:
                    signature: lower(text:string)->string
                    run: by-user
                    nsp: /text
            """)
        let (math, text) = (try #require(configuration.bind.first), try #require(configuration.bind.last))
        #expect(math.library == "libm.so.6")
        #expect(math.name == "libm")
        #expect(math.service == nil)
        #expect(math.functions.map(\.event) == ["math:cos"])
        #expect(math.functions.map(\.run) == [.strand])
        #expect(math.functions.map(\.namespace) == ["/"])
        #expect(text.name == "text-tools-2")
        #expect(text.service == LibraryBinding.Service(name: "text.tools", major: 2, minor: 10))
        #expect(
            text.functions.map(\.signature.description) == [
                "upper(text: string) -> string", "lower(text: string) -> string",
            ])
        #expect(text.functions.map(\.run) == [.parallel, .byUser])
        #expect(text.functions.map(\.namespace) == ["/", "/text"])
        // What the host loads, and how `--check` names it.
        #expect(configuration.specs.map(\.name) == ["", "libm", "text-tools-2"])
        #expect((0..<3).map { configuration.key(ofSpec: $0) } == ["plugins[0]", "bind[0]", "bind[1]"])
    }

    @Test(
        "the name of a library is that of its file",
        arguments: [
            ("libm.so.6", "libm"), ("/usr/lib/libFoo_bar.so", "libfoo-bar"), ("./.so", "library"), ("é.so", "--"),
            (String(repeating: "a", count: 80), String(repeating: "a", count: 64)),
        ])
    func libraryName(_ library: String, _ name: String) {
        #expect(Configuration.BoundLibrary.name(of: library) == name)
    }

    @Test("a plugin's queue grows with the largest message unless its size is set")
    func queues() throws {
        #expect(try load("maxHttpBufferSize: 100000000").limits.pluginQueueBytes == 400_000_000)
        #expect(try load("maxHttpBufferSize: 100\nlimits: { pluginQueueBytes: 100 }").limits.pluginQueueBytes == 100)
        #expect(try load("maxHttpBufferSize: 100").limits == Configuration.Limits())
    }

    @Test("the check of what plugins emit is strict, only counts, or is off, and reaches the plugin host")
    func contracts() throws {
        #expect(try load("").contracts == .count)
        for checks in EmitChecks.allCases {
            let configuration = try load("contracts: \(checks.rawValue)")
            #expect(configuration.contracts == checks && configuration.hostOptions.emitChecks == checks)
        }
    }

    @Test("the file of crashes has a path, or is off; a plugin says what a crash of it means for the next start")
    func crashes() throws {
        #expect(try load("").crashFile == "data/jackfield.crash")
        #expect(try load("crashFile: /var/lib/a").crashFile == "/var/lib/a")
        let configuration = try load("crashFile: false\nplugins: [a, { path: b, onCrash: isolate }]")
        #expect(configuration.crashFile == nil && configuration.yaml.contains("\ncrashFile: null\n"))
        #expect(configuration.plugins.map(\.onCrash) == [.none, .isolate])
        #expect(configuration.yaml.contains(#""onCrash":"isolate""#))
    }

    @Test("the control socket has a path, or is off")
    func control() throws {
        #expect(try load("").control == "data/jackfield.sock")
        #expect(try load("control:").control == "data/jackfield.sock")
        #expect(try load("control: run/a.sock").control == "run/a.sock")
        for off in ["null", "~", "false"] {
            let configuration = try load("control: \(off)")
            #expect(configuration.control == nil)
            #expect(configuration.yaml.contains("\ncontrol: null\n"))
        }
        let long = "/" + String(repeating: "x", count: 107)
        #expect(throws: ConfigurationProblems.self) { try load("control: \(long)") }
        #expect(try load("control: \(long.dropLast())").control?.utf8.count == 107)
        #expect(throws: ConfigurationProblems.self) { try load("control: data/") }
    }

    @Test("every limit is read")
    func limits() throws {
        let configuration = try load(
            """
            limits:
              connections: 1
              outputBuffer: 2
              httpBody: 3
              roomsPerSocket: 4
              namespacesPerConnection: 5
              pendingAcksPerSocket: 6
              presenceWatchesPerSocket: 7
              pluginQueueCallbacks: 8
              pluginQueueBytes: 1000009
              recoverySessions: 11
              recoverySessionBytes: 12
              recoveryEvents: 13
              recoveryEventBytes: 14
              shutdownDeadline: 10
              connectionsPerAddress: 11
              sessions: 12
              sessionsPerAddress: 13
              sessionsBeforeConnect: 14
              messageBeforeConnect: 15
              memory: 1600000
            presence: { gracePeriod: 0 }
            eventLoops: 2
            log: { level: debug, format: json }
            """)
        let limits = configuration.limits
        #expect(limits.connections == 1 && limits.outputBuffer == 2 && limits.httpBody == 3)
        #expect(limits.roomsPerSocket == 4 && limits.namespacesPerConnection == 5)
        #expect(limits.pendingAcksPerSocket == 6 && limits.presenceWatchesPerSocket == 7)
        #expect(limits.pluginQueueCallbacks == 8 && limits.pluginQueueBytes == 1_000_009)
        #expect(limits.recoverySessions == 11 && limits.recoverySessionBytes == 12)
        #expect(limits.recoveryEvents == 13 && limits.recoveryEventBytes == 14)
        #expect(limits.connectionsPerAddress == 11 && limits.sessions == 12 && limits.sessionsPerAddress == 13)
        #expect(limits.sessionsBeforeConnect == 14 && limits.messageBeforeConnect == 15 && limits.memory == 1_600_000)
        let transport = configuration.transportOptions(openFiles: 1_000)
        #expect(
            transport.maxConnectionsPerAddress == 11 && transport.maxSessions == 12
                && transport.maxSessionsPerAddress == 13)
        #expect(
            transport.maxUnconnectedSessions == 14 && transport.maxBeforeJoining == 15 && transport.memory == 1_600_000)
        #expect(transport.maxStreamBuffer == 2)
        #expect(limits.shutdownDeadline == .milliseconds(10) && configuration.presence.gracePeriod == .zero)
        #expect(configuration.eventLoops == 2 && configuration.log.level == .debug && configuration.log.format == .json)
    }

    @Test("the earlier name of the grace period is still read, and the new one wins")
    func earlierName() throws {
        #expect(try load("presence: { grace: 7 }").presence.gracePeriod == .milliseconds(7))
        #expect(try load("presence: { grace: 7, gracePeriod: 9 }").presence.gracePeriod == .milliseconds(9))
    }

    @Test("the settings for the age of tokens are read, and reach the verifier")
    func tokenTimes() throws {
        let defaults = try #require(load("").auth?.verifierConfiguration)
        #expect(defaults.requiresExpiry && defaults.maximumAge == nil)
        let auth = try #require(load("auth: { requireExpiry: false, maxAge: 31536000000 }").auth)
        #expect(!auth.requireExpiry && auth.maxAge == .seconds(31_536_000))
        #expect(!auth.verifierConfiguration.requiresExpiry && auth.verifierConfiguration.maximumAge == 31_536_000_000)
    }

    @Test("only hosts that no other machine can reach are loopback")
    func loopback() {
        let loopback = ["127.0.0.1", "127.1.2.3", "localhost", "::1"]
        let reachable = [
            "0.0.0.0", "::", "127.0.0", "127.example.com", "127.0.0.1.example.com", "10.0.0.1", "127.0.0.256",
        ]
        var configuration = Configuration()
        for host in loopback + reachable {
            configuration.host = host
            #expect(configuration.isLoopback == loopback.contains(host), "\(host)")
        }
    }

    @Test("settings that are valid but rarely intended cause a warning")
    func warnings() throws {
        #expect(try load("").warnings.isEmpty)
        #expect(try load("auth: false").warnings.isEmpty)
        #expect(try load("auth: false\nhost: 0.0.0.0").warnings.count == 1)
        #expect(
            try load("", environment: environmentWithKey.merging(["REDIS_URL": "redis://x"]) { $1 }).warnings.count == 1
        )
    }

    @Test("a missing file, a folder, and bytes that are not text are each refused in one line")
    func unreadableFiles() throws {
        let binary = FileManager.default.temporaryDirectory.appending(path: "jackfield-\(UUID()).yaml")
        try Data([0xFF, 0xFE, 0x80]).write(to: binary)
        defer { try? FileManager.default.removeItem(at: binary) }
        for file in ["/nowhere/jackfield.yaml", "/", binary.path] {
            let error = #expect(throws: ConfigurationProblems.self) {
                try Configuration.load(file: file, environment: environmentWithKey)
            }
            #expect(error?.problems.count == 1)
            #expect(error?.problems.first?.source == file)
        }
    }
}

@Suite("Configuration scalar")
struct ConfigurationScalarTests {
    @Test(
        "plain scalars are typed by YAML 1.2",
        arguments: [
            ("", ConfigurationScalar.null), ("~", .null), ("null", .null), ("true", .boolean(true)),
            ("FALSE", .boolean(false)),
            ("yes", .text("yes")), ("no", .text("no")), ("on", .text("on")), ("12", .integer(12)), ("-3", .integer(-3)),
            ("+4", .integer(4)), ("0x1F", .integer(31)), ("0o17", .integer(15)), ("010", .integer(10)),
            ("1.5", .number(1.5)),
            ("1e6", .number(1_000_000)), (".inf", .number(.infinity)), ("-.inf", .number(-.infinity)),
            ("nan", .text("nan")),
            ("infinity", .text("infinity")), ("1_000", .text("1_000")), ("12:30", .text("12:30")), ("e", .text("e")),
            ("99999999999999999999", .number(1e20)), ("2020-01-01", .text("2020-01-01")), ("0x1p3", .text("0x1p3")),
        ])
    func plain(text: String, scalar: ConfigurationScalar) {
        #expect(ConfigurationScalar(plain: text) == scalar)
    }
}

/// An environment with a key for tokens, which every configuration needs.
let environmentWithKey = ["JWT_SECRET": "0123456789abcdef0123456789abcdef"]

/// Loads a configuration from a text.
func load(
    _ yaml: String, environment: [String: String] = environmentWithKey, _ overrides: Configuration.Overrides = .init()
) throws -> Configuration {
    try Configuration.load(yaml: yaml, named: "test.yaml", environment: environment, overrides: overrides)
}

/// The problems of a text, one line for each.
func problems(
    _ yaml: String, environment: [String: String] = environmentWithKey, _ overrides: Configuration.Overrides = .init()
) -> [String] {
    do {
        _ = try Configuration.load(yaml: yaml, named: "test.yaml", environment: environment, overrides: overrides)
        return []
    } catch {
        return error.problems.map(\.description)
    }
}
