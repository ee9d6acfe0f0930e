import Foundation
import Testing

@testable import Daemon

@Suite("docs/jackfield.yaml")
struct ConfigurationReferenceTests {
    private static let text: String = {
        let root = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        return (try? String(contentsOf: root.appending(path: "docs/jackfield.yaml"), encoding: .utf8)) ?? ""
    }()

    /// The lines that begin with `#` and no space: alternatives that can be uncommented.
    private static let alternatives = text.split(separator: "\n").compactMap { line in
        line.hasPrefix("#") && line.dropFirst().first?.isLetter == true ? String(line.dropFirst()) : nil
    }

    @Test("every value it shows is the default")
    func defaults() throws {
        #expect(!Self.text.isEmpty)
        #expect(try load(Self.text) == load(""))
    }

    /// Every key that a file can have.
    private static func vocabulary() throws -> [String] {
        // With all features on and all sections present, every key is looked up.
        let known = ConfigurationReader(source: "known")
        let everything = """
            httpCompression: {}
            perMessageDeflate: {}
            connectionStateRecovery: {}
            cookie: {}
            cors: {}
            auth: {}
            presence: {}
            plugins: [{}]
            bind: [{ functions: { f: {} } }]
            limits: {}
            log: {}
            conformance: {}
            """
        var configuration = Configuration()
        configuration.read(try #require(known.root(of: everything, expanding: [:])))
        #expect(known.vocabulary.count > 60)
        return known.vocabulary.sorted()
    }

    @Test("each key belongs to one class of reloads, and says beside it which one")
    func reloadClasses() throws {
        let names = ReloadClass.keys.values.flatMap(\.self)
        #expect(Set(names).count == names.count)
        for key in try Self.vocabulary() where !["limits", "log"].contains(key) {
            let owners = names.filter { key == $0 || key.hasPrefix("\($0).") || key.hasPrefix("\($0)[") }
            #expect(owners.count == 1, "\(key) belongs to \(owners)")
            #expect(ReloadClass(of: key) != nil)
        }
        // The keys that are marked, each with its section.
        var marked: [String: String] = [:]
        var section = ""
        for line in Self.text.split(separator: "\n") {
            guard let match = line.wholeMatch(of: /( *)(\w+):.*?( # (live|restart))?/) else { continue }
            if match.1.isEmpty { section = String(match.2) }
            guard let mark = match.4 else { continue }
            marked[match.1.isEmpty ? section : "\(section).\(match.2)"] = String(mark)
        }
        for (reloadClass, names) in ReloadClass.keys {
            for name in names { #expect(marked[name] == reloadClass.rawValue, "\(name)") }
        }
        #expect(Set(marked.keys) == Set(names))
    }

    @Test("it shows every key that exists")
    func complete() throws {
        let shown = ConfigurationReader(source: "jackfield.yaml")
        let top = try #require(shown.root(of: Self.text, expanding: environmentWithKey))
        for key in try Self.vocabulary() {
            let name = key.split(separator: ".").last.map(String.init) ?? key
            let pattern = try Regex(#"(?m)(^\s*|[{#,]\s*|^#   )\#(name)(:|   )"#)
            #expect(Self.text.contains(pattern), "\(key) is not explained")
            // The key of a function is its event.
            if !key.contains(".") {
                #expect(Self.text.contains("\n\(key):"), "\(key) does not stand there with its default")
            }
        }
        #expect(top.has("host"))
    }

    @Test("each alternative that it shows is accepted, and differs from the default", arguments: alternatives)
    func alternative(line: String) throws {
        #expect(try load(line) != load(""))
    }

    @Test("it shows alternatives to every feature")
    func alternativesAreFound() {
        let keys = Set(Self.alternatives.map { $0.prefix { $0 != ":" } })
        for key in [
            "httpCompression", "perMessageDeflate", "connectionStateRecovery", "cookie", "cors", "auth", "plugins",
            "bind",
            "conformance",
        ] {
            #expect(keys.contains(Substring(key)), "\(key)")
        }
    }

    @Test(
        "the settings in effect, printed, are a file that gives the same settings",
        arguments: ["", text] + alternatives)
    func printed(yaml: String) throws {
        var expected = try load(yaml)
        for index in expected.plugins.indices { expected.plugins[index].config = Array("null".utf8) }
        #expect(try load(expected.yaml) == expected)
    }
}
