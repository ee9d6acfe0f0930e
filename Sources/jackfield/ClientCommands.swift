import ArgumentParser
import Daemon
import Foundation
import RawJSON
import Support

/// Prints the presence of users in a running daemon.
struct PresenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "presence",
        abstract: "Print how many users are online in a running daemon, or the presence of one.",
        discussion: """
            A user counts once, with any number of connections, and stays online for presence.gracePeriod after the \
            last one.

            EXAMPLES
              jackfield presence
              jackfield presence alice --json

            EXIT CODES
              0 done, 1 failed, 2 wrong use, 78 bad configuration
            """)

    @Argument(help: "Id of a user; without, the number of users is printed.")
    var user: String?

    @OptionGroup var control: ControlOptions
    @OptionGroup var daemon: ControlConfigOption

    func validate() throws {
        if let user, let problem = UserID.problem(ByteString(user)) {
            throw ValidationError("The user id \(problem).")
        }
    }

    func run() async throws {
        let members = user.map { [JSONValue.Member("user", .string($0))] } ?? []
        try control.run("presence", members, config: daemon.config) { answer in
            guard user != nil else { return "\(answer.shown("online")) online" }
            let seen = answer["last_seen"]?.string.map { ", last seen \($0.text)" } ?? ""
            let state = answer["online"] == true ? "online" : "offline"
            return Table.visible("\(answer.shown("user")) \(state), connections: \(answer.shown("connections"))\(seen)")
        }
    }
}

/// The rooms of a running daemon.
struct RoomsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rooms",
        abstract: "List the rooms of a running daemon, the largest first.",
        discussion: """
            These are Socket.IO's rooms, of all plugins. Each user has one, user:ID. The rooms of single sockets are \
            left out.

            EXAMPLES
              jackfield rooms
              jackfield rooms --nsp /chat --limit 10

            EXIT CODES
              0 done, 1 failed, 2 wrong use, 78 bad configuration
            """)

    @OptionGroup var list: ListOptions
    @OptionGroup var control: ControlOptions
    @OptionGroup var daemon: ControlConfigOption

    func run() async throws {
        try control.run("rooms", list.members, config: daemon.config) { answer in
            var table = Table("NAMESPACE", "SOCKETS", "ROOM")
            let rooms = answer["rooms"]?.array ?? []
            for room in rooms { table.add(room.shown("nsp"), room.shown("sockets"), room.shown("room")) }
            return list.text(table, count: rooms.count, answer)
        }
    }
}

/// The sockets of a running daemon.
struct SocketsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sockets",
        abstract: "List the sockets of a running daemon, in no order.",
        discussion: """
            A client that has joined three namespaces has three sockets.

            EXAMPLES
              jackfield sockets --user alice
              jackfield sockets --nsp /chat --room lobby --limit 1000
              jackfield sockets --limit 1 --json | jq .total

            EXIT CODES
              0 done, 1 failed, 2 wrong use, 78 bad configuration
            """)

    @Option(help: "Only sockets in this room.")
    var room: String?

    @Option(help: "Only sockets of this user.")
    var user: String?

    @OptionGroup var list: ListOptions
    @OptionGroup var control: ControlOptions
    @OptionGroup var daemon: ControlConfigOption

    func validate() throws {
        if room?.isEmpty == true { throw ValidationError("The text after --room is empty: name a room.") }
        if user?.isEmpty == true { throw ValidationError("The text after --user is empty: give the id of a user.") }
    }

    func run() async throws {
        var members = list.members
        if let room { members.append(.init("room", .string(room))) }
        if let user { members.append(.init("user", .string(user))) }
        try control.run("sockets", members, config: daemon.config) { answer in
            var table = Table("ID", "NAMESPACE", "TRANSPORT", "ADDRESS", "CONNECTED", "ROOMS", "USER")
            let sockets = answer["sockets"]?.array ?? []
            for socket in sockets {
                table.add(
                    socket.shown("id"), socket.shown("nsp"), socket.shown("transport"), socket.shown("address"),
                    socket.shown("connected_at"), socket.shown("rooms"), socket.shown("user"))
            }
            return list.text(table, count: sockets.count, answer)
        }
    }
}

/// The options of commands that print a part of a list.
struct ListOptions: ParsableArguments {
    @Option(help: "Only this namespace, as in / or /chat; without, all.")
    var nsp: String?

    @Option(help: "Most lines to print, 1 to 10000.")
    var limit = 100

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit is a number from 1 to 10000.") }
        if nsp?.isEmpty == true { throw ValidationError("The text after --nsp is empty: name a namespace, as in /.") }
    }

    var members: [JSONValue.Member] {
        [.init("limit", .integer(limit))] + (nsp.map { [.init("nsp", .string($0))] } ?? [])
    }

    /// The table, and what is not in it.
    func text(_ table: Table, count: Int, _ answer: JSONValue) -> String {
        let more = Int(max(0, answer["total"]?.number?.int64 ?? 0)) - count
        var lines = [count == 0 ? "none" : table.text]
        if more > 0 { lines.append("and \(more) more") }
        if answer["incomplete"] == true {
            lines.append("and others: an event loop has more than are counted for one list, or did not answer in time")
        }
        return lines.joined(separator: "\n")
    }
}

/// Stops a running daemon.
struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Stop a running daemon, and wait for its end.",
        discussion: """
            The same as SIGTERM: no new connections; plugins finish their queues and stop; clients are closed, so that \
            they reconnect elsewhere; the process ends, at most a second after limits.shutdownDeadline. Prints a \
            line when the stop begins, and one when it has ended. The exit code is 1 if a plugin did not stop in time.

            EXAMPLES
              jackfield drain
              jackfield drain --control /run/jackfield/control.sock && systemctl start jackfield

            EXIT CODES
              0 stopped, 1 failed, 2 wrong use, 78 bad configuration
            """)

    @OptionGroup var control: ControlOptions
    @OptionGroup var daemon: ControlConfigOption

    func run() async throws {
        let client = try control.client(config: daemon.config)
        let givenUp: [String]
        do throws(ControlClient.Failure) {
            givenUp = try client.drain { start in
                if control.json {
                    print("\(start)")
                } else {
                    print(
                        """
                        process \(start.shown("process")) stops, with \(start.shown("online")) users online, \
                        within \(start.shown("deadline")) ms
                        """)
                }
                fflush(nil)
            }
        } catch {
            throw CommandError(Table.visible("\(error)"))
        }
        guard givenUp.isEmpty else {
            throw CommandError(
                "the daemon has stopped, but gave up \(Table.visible(givenUp.joined(separator: ", "))); its log names the callbacks"
            )
        }
        print(control.json ? #"{"stopped":true}"# : "stopped")
    }
}
