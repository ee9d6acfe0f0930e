import Foundation
import Testing

@testable import jackfield

@Suite("jackfield types")
struct TypesTests {
    @Test("the host's own events are written for a configuration without plugins, and auth is not looked at")
    func ownEvents() throws {
        let files = ["c.yaml": "auth: { secretFile: missing.key }\n"]
        let typeScript = try Executable.run("types", "--config", "c.yaml", files: files)
        #expect(typeScript.code == 0 && typeScript.errors.isEmpty)
        #expect(typeScript.output.contains("export interface ServerToClientEvents {"))
        #expect(typeScript.output.contains(#""presence:watch": (users: string[], "#))
        let swift = try Executable.run("types", "--lang", "swift", "-c", "c.yaml", files: files)
        #expect(swift.code == 0 && swift.errors.isEmpty)
        #expect(swift.output.contains("struct PresenceWatchEvent"))
    }

    @Test("wrong use exits with 2, and the error says what to write")
    func wrongUse() throws {
        func errors(_ arguments: String...) throws -> String {
            let outcome = try Executable.run(["types"] + arguments)
            #expect(outcome.code == 2 && outcome.output.isEmpty)
            return outcome.errors
        }
        #expect(try errors().contains("name plugins, as in 'jackfield types notifications ./chat.so'"))
        #expect(try errors("--lang", "cobol", "rooms").contains("cobol"))
        #expect(try errors("--url", "http://localhost:1", "rooms").contains("leave out --config and the plugins"))
        #expect(try errors("--url", "http://localhost:1", "-c", "c").contains("leave out --config and the plugins"))
        #expect(try errors("--token", "x", "rooms").contains("give its --url"))
        #expect(try errors("--url", "http://localhost:1", "--token", "a\r\nb").contains("is no token"))
        #expect(try errors("--url", "https://localhost").contains("this command does not speak TLS"))
        #expect(try errors("=x").contains("names no plugin"))
    }

    @Test("a plugin that is missing, and an output that cannot be written, exit with 1 and no text")
    func failures() throws {
        let missing = try Executable.run("types", "nothing-of-that-name", "./gone.so")
        #expect(missing.code == 1 && missing.output.isEmpty)
        #expect(missing.errors.contains("there is no nothing-of-that-name.so or libnothing-of-that-name.so"))
        #expect(missing.errors.contains("plugin 'gone' (./gone.so): there is no such file"))
        let files = ["c.yaml": "port: 0\n"]
        let unwritable = try Executable.run("types", "-c", "c.yaml", "-o", "no/such/folder.ts", files: files)
        #expect(unwritable.code == 1 && unwritable.output.isEmpty)
        #expect(unwritable.errors.contains("cannot write no/such/folder.ts: the folder "))
        let absolute = try Executable.run("types", "-c", "c.yaml", "-o", "/nosuch/x.ts", files: files)
        #expect(absolute.code == 1 && absolute.errors.contains("the folder /nosuch does not exist"))
    }

    @Test("a bad configuration exits with 78")
    func badConfiguration() throws {
        let outcome = try Executable.run("types", "-c", "c.yaml", files: ["c.yaml": "prot: 1\n"])
        #expect(outcome.code == 78 && outcome.output.isEmpty && outcome.errors.contains("c.yaml:1:1: prot"))
    }

    @Test("a daemon that does not run exits with 1")
    func noDaemon() throws {
        let outcome = try Executable.run("types", "--url", "http://127.0.0.1:1/")
        #expect(outcome.code == 1 && outcome.output.isEmpty)
        #expect(outcome.errors.contains("nothing listens at http://127.0.0.1:1: start the daemon"))
    }
}

@Suite("The address of a daemon")
struct DaemonAddressTests {
    @Test(
        "addresses are shown in their shortest form",
        arguments: [
            ("http://localhost:8080", "http://localhost:8080"), ("HTTP://localhost/", "http://localhost"),
            ("http://[::1]:8080/", "http://[::1]:8080"), ("http://10.0.0.1:80/chat//", "http://10.0.0.1/chat"),
        ])
    func shown(text: String, shown: String) throws {
        #expect(try DaemonAddress(text).description == shown)
    }

    @Test(
        "what is no address of a daemon is refused",
        arguments: [
            "", "localhost", "localhost:8080", "http://", "http:///path", "https://localhost", "ws://localhost",
            "http://a b", "http://localhost:0", "http://localhost:65536", "http://me:secret@localhost",
            "http://localhost?a=1", "http://localhost#a", "http://localh\u{F6}st", "http://localhost/\r\nX: y",
        ])
    func refused(text: String) {
        #expect(throws: DaemonAddress.Malformed.self) { try DaemonAddress(text) }
    }
}
