import Foundation
import Testing

@testable import Daemon

@Suite("Configuration problems")
struct ConfigurationProblemsTests {
    /// A configuration, and the beginning of the only line that reports its problem.
    struct Case: CustomTestStringConvertible {
        let yaml: String
        let answer: String
        var testDescription: String { yaml }

        init(_ yaml: String, _ answer: String) {
            self.yaml = yaml
            self.answer = answer
        }
    }

    @Test(
        "a wrong value is refused at its line and column, with what to write",
        arguments: [
            Case(
                "port: 70000", "1:7: port: 70000 is out of range: write a port (0 takes any free one) from 0 to 65535"),
            Case("port: -1", "1:7: port: -1 is out of range"),
            Case("port: 80.5", "1:7: port: 80.5 is not a whole number"),
            Case("port: '80'", "1:7: port: '80' is not a whole number"),
            Case("port: [80]", "1:7: port: a list is not a whole number"),
            Case("host: http://localhost", "1:7: host: this is not a host: write only a name or an address"),
            Case("host: '[::1]'", "1:7: host: this is not a host"),
            Case("host: ''", "1:7: host: the text is empty"),
            Case("host: [a]", "1:7: host: a list stands here: expected text"),
            Case("path: socket.io", "1:7: path: this is not the path of a URL: write one like /socket.io"),
            Case("path: /a?b", "1:7: path: this is not the path of a URL"),
            Case("path: /", "1:7: path: the root belongs to the HTTP routes"),
            Case("\npingInterval: 0", "2:15: pingInterval: 0 is out of range: write a number of milliseconds from 1"),
            Case("pingTimeout: 2147483648", "1:14: pingTimeout: 2147483648 is out of range"),
            Case("pingTimeout: soon", "1:14: pingTimeout: 'soon' is not a whole number"),
            Case("maxHttpBufferSize: .inf", "1:20: maxHttpBufferSize: .inf is not a whole number"),
            Case("allowUpgrades: yes", "1:16: allowUpgrades: 'yes' is neither true nor false: write true or false"),
            Case("transports: []", "1:13: transports: the list is empty: name polling, websocket or both"),
            Case("transports: [polling, polling]", "1:13: transports: the list names something twice"),
            Case(
                "transports: [websockets]", "1:14: transports[0]: 'websockets' is not known: did you mean 'websocket'?"),
            Case("transports: [sse]", "1:14: transports[0]: 'sse' is not known: write polling or websocket"),
            Case("transports: [webtransport]", "1:14: transports[0]: webtransport is not available"),
            Case(
                "httpCompression: 1024", "1:18: httpCompression: 1024 stands here: expected false, true, or a section"),
            Case(
                "perMessageDeflate: { serverMaxWindowBits: 8 }",
                "1:43: perMessageDeflate.serverMaxWindowBits: 8 is out of range"),
            Case("cookie: { sameSite: Lax }", "1:21: cookie.sameSite: 'Lax' is not known: did you mean 'lax'?"),
            Case("cookie: { sameSite: none }", "1:11: cookie.sameSite: browsers refuse a cookie with SameSite=None"),
            Case("cookie: { name: 'a b' }", "1:17: cookie.name: this is not a cookie name"),
            Case("cookie: { domain: 'a; secure' }", "1:19: cookie.domain: this cannot stand in a cookie"),
            Case(
                "cors: { origin: localhost }",
                "1:17: cors.origin: 'localhost' is not an origin: write scheme://host[:port]"),
            Case("cors: { origin: 'http://a:99999' }", "1:17: cors.origin: 'http://a:99999' is not an origin"),
            Case(
                "cors: { origin: 'http://a/' }",
                "1:17: cors.origin: an origin ends with its host or port: write http://a"),
            Case("cors: { origin: ['*'] }", "1:18: cors.origin[0]: \"*\" stands in a list"),
            Case("cors: { origin: false }", "1:17: cors.origin: false allows nobody: write cors: false"),
            Case("cors: { origin: '*', credentials: true }", "1:22: cors.credentials: browsers refuse credentials"),
            Case("cors: { methods: ['GE T'] }", "1:19: cors.methods[0]: this is not a method"),
            Case(
                "auth: { algorithms: [none] }",
                "1:22: auth.algorithms[0]: a token without a signature is never accepted"),
            Case(
                "auth: { algorithms: [HS265] }", "1:22: auth.algorithms[0]: 'HS265' is not known: did you mean 'HS256'?"
            ),
            Case("auth: { algorithms: [] }", "1:21: auth.algorithms: the list is empty"),
            Case(
                "auth: { algorithms: [RS256] }",
                "1:9: auth.algorithms: RS256 needs a public key that fits it, and there is none: give one as publicKey"),
            Case(
                "auth: { secret: short }", "1:9: auth.secret: the secret has 5 bytes and can be guessed: HS256 needs 32"
            ),
            Case("auth: { maxAge: 0 }", "1:17: auth.maxAge: 0 is out of range"),
            Case(
                "auth: { requireExpiry: sometimes }", "1:24: auth.requireExpiry: 'sometimes' is neither true nor false"),
            Case(
                "host: 0.0.0.0\ndemo: true",
                "2:1: demo: it prints tokens that may do everything, and 0.0.0.0 can be reached from outside: listen on"
            ),
            Case("auth: { secretFile: /nowhere }", "1:21: auth.secretFile: there is no file '/nowhere': name a file"),
            Case("auth: { publicKey: / }", "1:20: auth.publicKey: there is no file '/'"),
            Case(
                "auth: { jwks: 'https://a/jwks' }",
                "1:15: auth.jwks: a key set behind a URL is not available in this version"),
            Case(
                "auth: { secret: a, secretFile: /etc/hostname }",
                "1:20: auth.secretFile: secret and secretFile exclude each other"),
            Case("auth: { leeway: -1 }", "1:17: auth.leeway: -1 is out of range"),
            Case("namespaces: [chat]", "1:14: namespaces[0]: this is not a namespace: write one like /chat"),
            Case("namespaces: ['/a,b']", "1:14: namespaces[0]: this is not a namespace"),
            Case("plugins: rooms", "1:10: plugins: 'rooms' stands here: expected a list"),
            Case("plugins: [rooms, rooms]", "1:18: plugins[1]: plugin 'rooms' is listed twice"),
            Case(
                "plugins: [{ path: a, name: n }, { path: b, name: n }]",
                "1:33: plugins[1]: two plugins have the name 'n': give each a name of its own"),
            Case(
                "plugins: [{ path: a, name: n }, { path: a, name: n }]", "1:33: plugins[1]: plugin 'a' is listed twice"),
            Case(
                "plugins: [{ path: a, name: 'A b' }]",
                "1:28: plugins[0].name: this is not the name of a plugin: write 1 to 64"),
            Case("plugins: [{ required: true }]", "1:11: plugins[0]: the entry names no plugin"),
            Case("plugins: [[rooms]]", "1:11: plugins[0]: a list stands here"),
            Case(
                "plugins: [{ path: a, isolation: thread }]",
                "1:33: plugins[0].isolation: 'thread' is not known: write none or process"),
            Case(
                "plugins: [{ path: a, onCrash: isolated }]",
                "1:31: plugins[0].onCrash: 'isolated' is not known: did you mean 'isolate'?"),
            Case(
                "plugins: [{ path: a, config: { x: .nan } }]",
                "1:35: plugins[0].config.x: JSON, in which plugins are configured"),
            Case("bind: libm.so.6", "1:7: bind: 'libm.so.6' stands here: expected a list, one `- library: name`"),
            Case("bind: [libm.so.6]", "1:8: bind[0]: 'libm.so.6' stands here: expected a section with library:"),
            Case(
                "bind: [{ functions: { f: 'f()' } }]",
                "1:8: bind[0]: the entry names no library: add library: with a name such as libm.so.6"),
            Case("bind: [{ library: a }]", "1:8: bind[0]: the entry binds no function: add functions:"),
            Case("bind: [{ library: a, functions: {} }]", "1:33: bind[0].functions: the entry binds no function"),
            Case(
                "bind: [{ library: a, functions: [f] }]", "1:33: bind[0].functions: a list stands here: expected events"
            ),
            Case(
                "bind: [{ library: a, function: { f: 'f()' }, functions: { f: 'f()' } }]",
                "1:22: bind[0].function: unknown key: did you mean 'functions'?"),
            Case(
                "bind: [{ library: a, functions: { 'm:f': 'f(x: float) -> f64' } }]",
                "1:42: bind[0].functions.m:f: signature 'f(x: float) -> f64': column 6: expected a type"),
            Case(
                "bind: [{ library: a, functions: { f: '(x: f64)' } }]",
                "1:38: bind[0].functions.f: signature '(x: f64)': there is no name: write that of the C function before '('"
            ),
            Case(
                "bind: [{ library: a, functions: { f: 'f() -> f64[]' } }]",
                "1:38: bind[0].functions.f: signature 'f() -> f64[]': a C function cannot return 'f64[]'"),
            Case("bind: [{ library: a, functions: { f: '' } }]", "1:38: bind[0].functions.f: the text is empty"),
            Case(
                "bind: [{ library: a, functions: { disconnect: 'f()' } }]",
                "1:47: bind[0].functions.disconnect: the event's name is reserved by Socket.IO: choose another one"),
            Case(
                "bind: [{ library: a, functions: { f: { run: inline } } }]",
                "1:38: bind[0].functions.f: the function has no signature"),
            Case(
                "bind: [{ library: a, functions: { f: { signature: 'f()', run: inlined } } }]",
                "1:63: bind[0].functions.f.run: 'inlined' is not known: did you mean 'inline'?"),
            Case(
                "bind: [{ library: a, functions: { f: { signature: 'f()', namespace: / } } }]",
                "1:58: bind[0].functions.f.namespace: unknown key"),
            Case(
                "bind: [{ library: a, functions: { f: { signature: 'f()', nsp: chat } } }]",
                "1:63: bind[0].functions.f.nsp: this is not a namespace"),
            Case(
                "bind: [{ library: a, run: by-key, functions: { f: 'f()' } }]",
                "1:27: bind[0].run: 'by-key' is not known"),
            Case(
                "bind: [{ library: a, functions: { f: 'f()' } }, { library: b/a.so, functions: { g: 'g()' } }]",
                "1:49: bind[1]: two libraries have the name 'a': write their functions into one entry"),
            Case(
                "bind: [{ library: a, service: A, functions: { f: 'f()' } }]",
                "1:31: bind[0].service: this is not the name of a service"),
            Case(
                "bind: [{ library: a, version: '1.0', functions: { f: 'f()' } }]",
                "1:31: bind[0].version: there is no service that has this version: add service:"),
            Case(
                "bind: [{ library: a, service: s, version: 1, functions: { f: 'f()' } }]",
                "1:43: bind[0].version: '1' is not the version of a service: write MAJOR.MINOR, from 1.0 on"),
            Case("limits: { connections: -1 }", "1:24: limits.connections: -1 is out of range"),
            Case("limits: { outputBuffer: 0 }", "1:25: limits.outputBuffer: 0 is out of range"),
            Case("limits: { pluginQueueBytes: 10 }", "1:11: limits.pluginQueueBytes: 10 bytes cannot hold one message"),
            Case("log: { level: warn }", "1:15: log.level: 'warn' is not known: did you mean 'warning'?"),
            Case("tls: { certificate: a, key: b }", "1:1: tls: not available in this version"),
            Case("cluster: { redis: 'redis://x' }", "1:1: cluster: not available in this version"),
            Case(
                "host: 0.0.0.0\nconformance: { engineEcho: /e }",
                "2:1: conformance: these endpoints are for tests, and 0.0.0.0"),
            Case(
                "conformance: { engineEcho: /e, webSocketEcho: /e/ }", "1:1: conformance: two endpoints have one path"),
            Case(
                "allowEIO3: true",
                "1:1: allowEIO3: Socket.IO's option, which Jackfield has not: remove it: clients need"),
            Case("hots: a", "1:1: hots: unknown key: did you mean 'host'?"),
            Case("auth:\n  secrt: a", "2:3: auth.secrt: unknown key: did you mean 'secret'?"),
            Case("log: { colour: true }", "1:8: log.colour: unknown key: known here: format, level"),
            Case(
                "plugins: [{ path: a, isolated: none }]",
                "1:22: plugins[0].isolated: unknown key: did you mean 'isolation'?"),
            Case("auth: 5", "1:7: auth: 5 stands here: expected false, true, or a section"),
            Case("presence: false", "1:11: presence: false stands here: expected a section"),
            Case("[a]: 1", "1:1: a list or section stands where a key belongs"),
            Case("- host", "1:1: a list stands here: expected settings"),
            Case("just text", "1:1: 'just text' stands here: expected settings"),
            Case("port: 1\nport: 2", "1:1: the key 'port' stands twice in one section: keep one of them"),
            Case(
                "host: a\n\tport: 1",
                "2:1: YAML syntax: found a tab character that violates indentation: indent with spaces"),
            Case("auth: { secret: ${JWT_SECRET} }", "1:18: YAML syntax"),
            Case(
                "bind:\n  - library: a\n    functions:\n      f: cos(x: f64) -> f64",
                "4:15: YAML syntax: mapping values are not allowed in this context: put quotes around a signature, as"),
            Case(
                "bind: [{ library: a, functions: { 'f': 'f()', 'pow': pow(x: f64, y: f64) -> f64 } }]",
                "1:59: YAML syntax: did not find expected ',' or '}': put quotes around a signature, as"),
            Case(
                "bind: [{ library: a, functions: { f: 'f() -> f64[]' } }]",
                "1:38: bind[0].functions.f: signature 'f() -> f64[]': a C function cannot return 'f64[]': docs/signatures.md has"
            ),
            Case("host: 'a", "1:9: YAML syntax"),
            Case("host: *a", "1:7: YAML syntax: found undefined alias"),
            Case("host: a\n---\nhost: b", "2:1: YAML syntax: but found another document"),
        ])
    func placed(example: Case) throws {
        let lines = problems(example.yaml)
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("test.yaml:" + example.answer) == true, "\(lines)")
    }

    @Test("all problems of a file are listed at once, in its order")
    func allAtOnce() {
        let lines = problems(
            """
            limits: { pluginQueueBytes: 1 }
            port: x
            hots: a
            cors: { origin: [a, b] }
            """)
        #expect(
            lines.map { $0.split(separator: " ").first } == [
                "test.yaml:1:11:", "test.yaml:2:7:", "test.yaml:3:1:", "test.yaml:4:18:", "test.yaml:4:21:",
            ])
    }

    @Test("a problem with a key file is reported at the setting that names the file")
    func keyFiles() throws {
        func refusal(of setting: String, _ contents: String, _ algorithm: String) throws -> String? {
            let file = FileManager.default.temporaryDirectory.appending(path: "jackfield-\(UUID())")
            try Data(contents.utf8).write(to: file)
            defer { try? FileManager.default.removeItem(at: file) }
            let lines = problems("auth:\n  algorithms: [\(algorithm)]\n  \(setting): \(file.path)")
            #expect(lines.count == 1)
            return lines.first
        }
        let short = try refusal(of: "secretFile", String(repeating: "x", count: 32), "HS512")
        #expect(
            short?.hasPrefix(
                "test.yaml:3:3: auth.secretFile: the secret has 32 bytes and can be guessed: HS512 needs 64") == true)
        #expect(
            try refusal(of: "publicKey", "x", "RS256")?.hasPrefix(
                "test.yaml:3:3: auth.publicKey: the public key file holds neither") == true)
        let weak = #"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQ"}]}"#
        #expect(
            try refusal(of: "jwks", weak, "RS256")?.hasPrefix(
                "test.yaml:3:3: auth.jwks: key number 0 of the key set is an RSA key of 17 bits") == true)
    }

    @Test(
        "a missing key for tokens is one problem that says how to mend it, unless something about auth was refused already"
    )
    func noKey() throws {
        let lines = problems("port: 1", environment: [:])
        #expect(lines.count == 1)
        for remedy in ["JWT_SECRET", "secretFile", "--demo", "auth: false"] {
            #expect(lines.first?.contains(remedy) == true)
        }
        #expect(problems("auth: { secret: \"${NO_SUCH}\" }", environment: [:]).count == 1)
        #expect(problems("auth: false", environment: [:]).isEmpty)
        #expect(problems("demo: true", environment: [:]).isEmpty)
        #expect(problems("demo: true\nauth: { algorithms: [RS256] }", environment: [:]).count == 1)
    }

    @Test("no message and no description shows a secret")
    func secretsStaySecret() throws {
        let secret = "correct-horse-battery-staple-and-more"
        let configuration = try load("auth: { secret: \(secret) }")
        #expect(!"\(configuration)".contains(secret))
        #expect(!String(reflecting: configuration).contains(secret))
        #expect(!configuration.yaml.contains(secret))
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains(secret) && !dumped.contains("\(secret.utf8.first!)\n"))
        #expect(!problems("auth: { secret: \(secret), algorithms: [RS256] }").joined().contains(secret))
    }

    @Test("the description has a line for each problem, then their count")
    func description() {
        let problem = ConfigurationProblem(
            source: "a.yaml", line: 3, column: 7, key: "port", what: "wrong", remedy: "mend")
        #expect(
            ConfigurationProblems([problem, problem]).description == """
                a.yaml:3:7: port: wrong: mend
                a.yaml:3:7: port: wrong: mend
                2 problems in the configuration; nothing was started.
                """)
        #expect(ConfigurationProblem(key: "auth", what: "none", remedy: "mend").description == "auth: none: mend")
    }
}
