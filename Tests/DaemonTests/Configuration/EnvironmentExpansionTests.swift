import Testing

@testable import Daemon

@Suite("Environment expansion")
struct EnvironmentExpansionTests {
    private let environment = environmentWithKey.merging(
        ["NAME": "value", "NUMBER": "12", "EMPTY": "", "TRICKY": "a: [b, ${NAME}] # c", "_1": "x"]
    ) { $1 }

    private func issuer(_ yaml: String) throws -> String? {
        try load("auth: { issuer: \(yaml) }", environment: environment).auth?.issuers.first
    }

    @Test("a variable is replaced anywhere in a text, and more than once")
    func replaced() throws {
        #expect(try issuer("'${NAME}'") == "value")
        #expect(try issuer("'a${NAME}b${_1}${NUMBER}c'") == "avaluebx12c")
    }

    @Test("a doubled dollar keeps the braces")
    func escaped() throws {
        #expect(try issuer("'$${NAME}'") == "${NAME}")
        #expect(try issuer("'$${NAME}${NAME}'") == "${NAME}value")
        #expect(try issuer("'$$${NAME}'") == "$${NAME}")
        #expect(try issuer("'$NAME $ $$'") == "$NAME $ $$")
    }

    @Test("a value never becomes YAML structure, and is not expanded again")
    func inert() throws {
        #expect(try issuer("'${TRICKY}'") == "a: [b, ${NAME}] # c")
        #expect(try load("host: localhost\npath: /${NAME}", environment: environment).path == "/value")
    }

    @Test("an unquoted variable is typed by its value")
    func typed() throws {
        #expect(try load("port: ${NUMBER}", environment: environment).port == 12)
        #expect(problems("port: '${NUMBER}'", environment: environment).count == 1)
        let plugin = try load(
            "plugins:\n  - path: a\n    config: [\"${NUMBER}\", '${EMPTY}']", environment: environment
        ).plugins[0]
        #expect(String(decoding: plugin.config, as: UTF8.self) == #"["12",""]"#)
    }

    @Test("an empty variable is an empty text, not an absent key")
    func empty() {
        #expect(problems("host: ${EMPTY}", environment: environment).first?.contains("the text is empty") == true)
    }

    @Test("an undefined variable is reported once, at its place, also in a plugin's configuration")
    func undefined() {
        #expect(
            problems("\nport: ${NO}") == [
                "test.yaml:2:7: port: the environment has no variable NO: export it before the start, or remove the key to get its default"
            ])
        #expect(
            problems("plugins: [{ path: a, config: { x: ['${NO}'] } }]").first?.hasPrefix(
                "test.yaml:1:36: plugins[0].config.x[0]: ") == true)
    }

    @Test("an invalid name of a variable is refused", arguments: ["${}", "${1A}", "${A-B}", "${A", "${A:-b}"])
    func malformed(text: String) {
        let lines = problems("host: '\(text)'")
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("test.yaml:1:7: host: '${' does not begin a variable: write ${NAME}") == true)
    }
}
