import Foundation
import Testing

@testable import Daemon

@Suite("Development key")
struct DevelopmentKeyTests {
    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "jackfield-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.appending(path: "data/jwt.key").path)
    }

    @Test("it is created once, with its folder, and read again later")
    func madeOnce() throws {
        try inFolder { path in
            let key = try DevelopmentKey.loadOrCreate(at: path)
            #expect(key.bytes.count == 64)
            #expect(try DevelopmentKey.loadOrCreate(at: path) == key)
            #expect(try Configuration.Secret(file: path) == key)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: (path as NSString).deletingLastPathComponent) == [
                    "jwt.key"
                ])
        }
    }

    @Test("only its owner may read it")
    func permissions() throws {
        try inFolder { path in
            _ = try DevelopmentKey.loadOrCreate(at: path)
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test("two keys differ")
    func random() throws {
        try inFolder { first in
            try inFolder { second in
                let keys = (try DevelopmentKey.loadOrCreate(at: first), try DevelopmentKey.loadOrCreate(at: second))
                #expect(keys.0 != keys.1)
            }
        }
    }

    @Test("an empty file is refused")
    func empty() throws {
        try inFolder { path in
            let folder = (path as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data("\n".utf8).write(to: URL(fileURLWithPath: path))
            #expect(throws: (any Error).self) { try DevelopmentKey.loadOrCreate(at: path) }
        }
    }

    @Test("a demo without a key uses it as its secret")
    func loaded() throws {
        try inFolder { path in
            var configuration = Configuration()
            configuration.auth?.developmentKeyFile = path
            try configuration.loadDevelopmentKey()
            #expect(configuration.auth?.secret?.bytes.count == 64)
        }
    }

    @Test("a check reads the key of an earlier demo, and creates none")
    func found() throws {
        try inFolder { path in
            var configuration = Configuration()
            configuration.auth?.developmentKeyFile = path
            try configuration.findDevelopmentKey()
            #expect(configuration.auth?.secret == nil && !FileManager.default.fileExists(atPath: path))
        }
    }

    @Test("a key that was cut, and a folder that cannot be made, are problems of the configuration")
    func unusable() throws {
        func problem(_ path: String) -> String? {
            var configuration = Configuration()
            configuration.auth?.developmentKeyFile = path
            do throws(ConfigurationProblems) {
                try configuration.loadDevelopmentKey()
                return nil
            } catch {
                return error.problems.first?.description
            }
        }
        try inFolder { path in
            let folder = (path as NSString).deletingLastPathComponent
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data("0123\n".utf8).write(to: URL(fileURLWithPath: path))
            #expect(problem(path)?.hasPrefix("demo: the key in \(path): the secret has 4 bytes") == true)
            #expect(problem(path)?.contains("remove the file") == true)
            #expect(problem(path + "/below/jwt.key")?.hasPrefix("demo: there is no key for tokens: ") == true)
        }
    }
}
