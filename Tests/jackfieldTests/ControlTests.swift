import Foundation
import Testing

@testable import jackfield

/// The commands for a running daemon, without one. Tests/EndToEnd/test_control.py has them with one.
@Suite("Commands for a running daemon")
struct ControlTests {
    private static let commands = [
        ["plugin", "list"], ["plugin", "load", "rooms"], ["plugin", "unload", "rooms"], ["presence"], ["rooms"],
        ["sockets"], ["drain"], ["reload"],
    ]

    @Test("every command has help with examples", arguments: commands + [["plugin"]])
    func help(command: [String]) throws {
        let outcome = try Executable.run(command.prefix(2) + ["--help"])
        #expect(outcome.code == 0 && outcome.output.contains("EXAMPLES") && outcome.output.contains("EXIT CODES"))
    }

    @Test("without a daemon they exit with 1, and the error says where they looked", arguments: commands)
    func noDaemon(command: [String]) throws {
        let outcome = try Executable.run(command)
        #expect(outcome.code == 1 && outcome.output.isEmpty)
        #expect(outcome.errors.contains("no daemon listens at data/jackfield.sock, there is no such file: start"))
        let named = try Executable.run(command + ["--control", "run/my.sock", "--json"])
        #expect(named.code == 1 && named.errors.contains("no daemon listens at run/my.sock"))
    }

    @Test("the path of the socket is that of the configuration, whose keys for tokens are not needed")
    func configured() throws {
        func errors(_ yaml: String) throws -> String {
            let outcome = try Executable.run("plugin", "list", "-c", "c.yaml", files: ["c.yaml": yaml])
            #expect(outcome.code == 1 && outcome.output.isEmpty)
            return outcome.errors
        }
        #expect(try errors("control: here.sock\nauth: { secret: \"${NO_SUCH_NAME}\" }").contains("at here.sock"))
        #expect(try errors("port: 1").contains("at data/jackfield.sock"))
        #expect(try errors("control: null").contains("c.yaml says control: null"))
        #expect(try errors("control: c.yaml").contains("control socket c.yaml: it is no socket"))
    }

    @Test("wrong use exits with 2, a bad configuration with 78")
    func wrongUse() throws {
        #expect(try Executable.run("plugin", "load").code == 2)
        #expect(try Executable.run("plugin", "unload").code == 2)
        #expect(try Executable.run("plugin", "bogus").code == 2)
        let config = try Executable.run("plugin", "load", "rooms", "--config", "jackfield.yaml")
        #expect(config.code == 2 && config.errors.contains("The text after --config is no JSON"))
        #expect(try Executable.run("plugin", "list", "--control", "").code == 2)
        #expect(try Executable.run("rooms", "--limit", "0").code == 2)
        #expect(try Executable.run("sockets", "--limit", "10001").code == 2)
        #expect(try Executable.run("sockets", "--user", "").code == 2)
        #expect(try Executable.run("presence", "").code == 2)
        #expect(try Executable.run("plugin", "list", "-c", "c.yaml", files: ["c.yaml": "prot: 1"]).code == 78)
        let long = try Executable.run("plugin", "list", "--control", String(repeating: "x", count: 108))
        #expect(long.code == 1 && long.errors.contains("its path has more than 107 bytes"))
    }
}

@Suite("A table")
struct TableTests {
    @Test("columns are padded except at the end of a line, and control characters are replaced")
    func padded() {
        var table = Table("NAME", "N")
        table.add("rooms", "12")
        table.add("a\u{1B}[2J", "")
        #expect(table.text == "NAME   N\nrooms  12\na\u{FFFD}[2J")
    }
}
