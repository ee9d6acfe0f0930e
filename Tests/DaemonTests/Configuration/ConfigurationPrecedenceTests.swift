import Identity
import Testing

@testable import Daemon

@Suite("Configuration precedence")
struct ConfigurationPrecedenceTests {
    @Test("the environment overrides the defaults, the file the environment, a flag the file")
    func ports() throws {
        let environment = environmentWithKey.merging(["PORT": "9000"]) { $1 }
        var overrides = Configuration.Overrides()
        #expect(try load("").port == 8080)
        #expect(try load("", environment: environment).port == 9000)
        #expect(try load("port: 9001", environment: environment).port == 9001)
        overrides.port = 9002
        #expect(try load("port: 9001", environment: environment, overrides).port == 9002)
    }

    @Test("flags override the settings of the file")
    func flags() throws {
        var overrides = Configuration.Overrides()
        overrides.host = "::1"
        overrides.demo = true
        overrides.logLevel = .error
        overrides.logFormat = .json
        let configuration = try load("host: a\ndemo: false\nlog: { level: info, format: text }", overrides)
        #expect(configuration.host == "::1" && configuration.demo)
        #expect(configuration.log.level == .error && configuration.log.format == .json)
    }

    @Test("SITE_URL is the default origin, also if it has a path")
    func site() throws {
        let environment = environmentWithKey.merging(["SITE_URL": "https://Example.com/app/"]) { $1 }
        #expect(try load("", environment: environment).cors?.origin == .list(["https://example.com"]))
        #expect(
            try load("cors: { credentials: false }", environment: environment).cors?.origin
                == .list(["https://example.com"]))
        #expect(try load("cors: { origin: 'http://a' }", environment: environment).cors?.origin == .one("http://a"))
    }

    @Test("a key of any kind in the file replaces JWT_SECRET")
    func keys() throws {
        let other = "another-secret-of-thirty-two-bytes-or-more"
        #expect(try load("auth: { secret: \(other) }").auth?.secret == Configuration.Secret(bytes: Array(other.utf8)))
        #expect(try load("auth: { required: false }").auth?.secret?.bytes.count == 32)
        #expect(try load("auth: false").auth == nil)
        #expect(problems("auth: { publicKey: /nowhere }").count == 1)
    }

    @Test("a variable that is set but empty counts as unset")
    func emptyVariables() throws {
        let empty = ["PORT": "", "SITE_URL": "", "DATABASE_URL": "", "REDIS_URL": ""]
        #expect(try load("", environment: environmentWithKey.merging(empty) { $1 }) == load(""))
        #expect(problems("", environment: ["JWT_SECRET": ""]).count == 1)
    }

    @Test("a wrong variable is a problem of the environment")
    func wrongVariables() {
        let environment = environmentWithKey.merging(["PORT": "http", "SITE_URL": "example.com"]) { $1 }
        let lines = problems("", environment: environment)
        #expect(lines.count == 2)
        #expect(lines.first?.hasPrefix("environment: SITE_URL: 'example.com' is not a URL") == true)
        #expect(lines.last?.hasPrefix("environment: PORT: 'http' is not a whole number") == true)
        // The file has the setting without a value, so the environment's counts.
        for yaml in ["", "auth: { secret: null, required: false }"] {
            let lines = problems(yaml, environment: ["JWT_SECRET": "short"])
            #expect(lines.count == 1)
            #expect(
                lines.first?.hasPrefix(
                    "environment: JWT_SECRET: the secret has 5 bytes and can be guessed: HS256 needs 32 or more")
                    == true)
        }
    }

    @Test("a demo that other machines can reach is refused, whether a flag or the file switched it on")
    func reachableDemo() {
        var overrides = Configuration.Overrides()
        overrides.demo = true
        overrides.host = "0.0.0.0"
        for lines in [
            problems("", overrides), problems("host: 10.0.0.1\ndemo: true"),
            problems("host: '::'\ndemo: true", environment: [:]),
        ] {
            #expect(lines.count == 1)
            #expect(lines.first?.contains("demo: it prints tokens that may do everything") == true)
            #expect(lines.first?.contains("listen on 127.0.0.1") == true)
        }
        overrides.host = "::1"
        #expect(problems("", overrides).isEmpty)
    }

    @Test("a wrong flag is a problem of the command line")
    func wrongFlags() {
        var overrides = Configuration.Overrides()
        overrides.port = 70_000
        overrides.plugins = [.init(path: "rooms", config: "{ a: 'b }")]
        let lines = problems("", overrides)
        #expect(lines.count == 2)
        #expect(lines.first?.hasPrefix("command line: --port: 70000 is out of range") == true)
        #expect(lines.last?.contains("--plugin rooms") == true)
    }

    @Test("a plugin on the command line is added to those of the file, or replaces the configuration of one of them")
    func plugins() throws {
        var overrides = Configuration.Overrides()
        overrides.plugins = [.init(path: "rooms", config: "{store: x}"), .init(path: "hello"), .init(path: "notes")]
        let plugins = try load(
            "plugins: [{ path: rooms, required: true, config: 1 }, { path: notes, config: 2 }]", overrides
        ).plugins
        #expect(plugins.map(\.path) == ["rooms", "notes", "hello"])
        #expect(plugins.map { String(decoding: $0.config, as: UTF8.self) } == [#"{"store":"x"}"#, "2", "null"])
        #expect(plugins[0].required)
    }

    @Test("a plugin that the file has twice is configured by its name; the command line may have a path only once")
    func pluginsByName() throws {
        let yaml =
            "plugins: [{ path: relay, name: east, config: 1 }, { path: relay, name: west, config: 2 }, { path: relay, config: 3 }]"
        func overrides(_ arguments: Configuration.PluginArgument...) -> Configuration.Overrides {
            var overrides = Configuration.Overrides()
            overrides.plugins = arguments
            return overrides
        }
        let plugins = try load(yaml, overrides(.init(path: "west", config: "5"))).plugins
        #expect(plugins.map(\.name) == ["east", "west", nil])
        #expect(plugins.map { String(decoding: $0.config, as: UTF8.self) } == ["1", "5", "3"])
        #expect(plugins[1].spec(databaseURL: nil).name == "west")

        let unclear = problems(yaml, overrides(.init(path: "relay", config: "5")))
        #expect(
            unclear == [
                "command line: --plugin relay: the configuration file has it 3 times: east, west, (without a name): name one of these, as in --plugin east=CONFIG"
            ])
        let twice = problems(
            "", overrides(.init(path: "relay", config: "1"), .init(path: "rooms"), .init(path: "relay", config: "2")))
        #expect(twice.count == 1)
        #expect(
            twice.first?.hasPrefix(
                "command line: --plugin relay: it stands twice, and a plugin has one configuration: remove one") == true
        )
    }

    @Test("a plugin argument splits at its first equals sign")
    func pluginArguments() {
        #expect(Configuration.PluginArgument(argument: "rooms") == .init(path: "rooms"))
        #expect(Configuration.PluginArgument(argument: "a.so={b: c=d}") == .init(path: "a.so", config: "{b: c=d}"))
        #expect(Configuration.PluginArgument(argument: "a.so=") == .init(path: "a.so", config: ""))
        #expect(Configuration.PluginArgument(argument: "=x") == nil)
        #expect(Configuration.PluginArgument(argument: "") == nil)
    }

    @Test("a demo without a key gets one, a demo with a key keeps it")
    func demoKey() throws {
        #expect(try load("demo: true", environment: [:]).auth?.developmentKeyFile == DevelopmentKey.path)
        #expect(try load("demo: true").auth?.developmentKeyFile == nil)
        #expect(try load("demo: true\nauth: false", environment: [:]).auth == nil)
    }

    @Test("the addresses of stores are passed through")
    func stores() throws {
        let stores = ["DATABASE_URL": "postgres://db", "REDIS_URL": "redis://cache"]
        let configuration = try load("", environment: environmentWithKey.merging(stores) { $1 })
        #expect(configuration.databaseURL == "postgres://db" && configuration.redisURL == "redis://cache")
    }
}
