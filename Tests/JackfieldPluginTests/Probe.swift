import CJackfield
import FakeHost
import Foundation
import Synchronization

@testable import JackfieldPlugin

/// A plugin that uses every part of the SDK.
final class Probe: Plugin {
    static let name = "probe"
    static let version = "1.2.3"

    struct Settings: Decodable {
        let limit: Int
    }

    struct Person: Codable, Equatable {
        let name: String
        let age: Int?
    }

    /// The plugin data of a socket; counts its events.
    final class Visits: Sendable {
        private let number = Mutex(0)
        static let alive = Mutex(0)

        init() { Self.alive.withLock { $0 += 1 } }
        deinit { Self.alive.withLock { $0 -= 1 } }

        func add() { number.withLock { $0 += 1 } }
        var count: Int { number.withLock { $0 } }
    }

    let io: JackfieldHost
    var seen: [String] = []
    let settings: Settings

    init(host: JackfieldHost) throws {
        io = host
        settings = try host.config(Settings.self)
    }

    static func declare(_ io: Declarations<Probe>) {
        io.on("echo") { socket, event in try socket.emit("echo", event.arguments) }
        io.on("greet", Probe.greet)
        io.on("fail") { _, _ in throw CocoaError(.fileNoSuchFile) }
        io.on("deny") { _, _ in throw Problem(403, "denied", "not you") }
        io.on("later", Probe.later)
        io.on("forget") { _, event in _ = try event.keep() }
        io.on("keep and throw") { _, event in
            let reply = try event.keep()
            _ = reply
            throw Problem(409, "conflict", "too late")
        }
        io.on("blob") { _, event in try event.ack(Binary([1, 2, 3]), ["in": Binary([4])]) }
        io.on("binary", Probe.binary)
        io.on("shout", run: .byKey("/0/room")) { socket, event in
            try socket.to("a", "b").except("c").volatile.emit("shouted", event.decode(String.self))
        }
        io.on("ask", Probe.ask)
        io.on("whoami") { _, event in try event.ack(event.user) }
        io.on("full") { _, _ in throw Problem.insufficientStorage("no room") }
        io.on("count") { plugin in { _, event in try event.ack(plugin.settings.limit) } }

        io.of("/chat")
            .use { attempt in
                struct Auth: Decodable {
                    let token: String?
                }
                guard let token = try attempt.auth.decode(Auth.self).token else {
                    throw try Refusal("unauthorized", data: ["code": "missing_token"])
                }
                if token == "broken" { throw CocoaError(.fileNoSuchFile) }
            }
            .connected(Probe.connected)
            .disconnecting(Probe.disconnecting)
            .on("hi") { socket, event in try event.ack(socket.namespace) }
        io.of("/slow").use(later: { attempt in
            await Task.yield()
            if attempt.user == nil { throw try Refusal("who are you?", data: ["code": "anonymous"]) }
        })
        io.of("/own").authenticate { attempt in
            struct Auth: Decodable {
                let key: String
            }
            let key = try attempt.auth.decode(Auth.self).key
            guard key.hasPrefix("key-") else { throw Refusal("wrong key") }
            return try Admission(user: String(key.dropFirst(4)), claims: JSON(encoding: ["plan": "free"]))
        }
        io.of("/own-later").authenticate(later: { _ in
            await Task.yield()
            return Admission(user: "late")
        })
        io.on("sign in") { socket, event in try socket.setPluginData(Visits()) }
        io.on("visit") { _, event in
            let visits = event.pluginData(as: Visits.self)
            visits?.add()
            try event.ack(visits?.count ?? 0, event.socketID, Int(event.connection))
        }
        io.of(pattern: "^/dyn-[0-9]+$").on("where") { socket, event in try event.ack(socket.namespace) }
        io.of("/chat").onAny(Probe.observe)

        io.allowRequest { request in
            if let version = request.header("X-App-Version") { throw Refusal("version \(version) is too old") }
        }
        io.allowRequest { request in
            if request.url.contains("broken") { throw CocoaError(.fileNoSuchFile) }
            try request.addHeader("x-first", "1")
            try request.addHeader("x-every", "2", toEveryResponse: true)
            if request.isSecure { throw Refusal("\(request.address) \(request.headers.map(\.name))") }
        }

        io.http.get("/v1/people/{id}", Probe.person)
        io.http.post("/v1/people", scope: "people:write", Probe.addPerson)
        io.http.on("GET", "/v1/text", auth: .none) { request in
            .text(request.query("q") ?? "nothing").header("x-seen", "yes")
        }
        io.http.get("/v1/later", Probe.laterRequest)
        io.http.on("GET", "/v1/throws") { request in
            let reply = try request.keep()
            _ = reply
            throw Problem(409, "conflict", "too late")
        }
        io.http.get("/v1/stream", Probe.stream)
        io.http.on("GET", "/v1/full") { _ in throw Problem.insufficientStorage("no room") }

        io.every(.seconds(2), Probe.tick)
    }

    func greet(_ socket: Socket, _ event: borrowing Event) throws {
        let person = try event.decode(Person.self)
        seen.append(person.name)
        try event.ack("hello \(person.name)", seen.count)
    }

    func later(_ socket: Socket, _ event: borrowing Event) throws {
        let reply = try event.keep()
        Thread.detachNewThread { _ = try? reply.send("at last") }
    }

    func binary(_ socket: Socket, _ event: borrowing Event) throws {
        struct Upload: Codable {
            let name: String
            let data: Binary
        }
        let upload = try event.decode(Upload.self)
        try event.ack(upload.data.bytes.count, upload)
    }

    func ask(_ socket: Socket, _ event: borrowing Event) throws {
        try socket.timeout(100).emit("question", answered: Probe.self) { probe, result in
            switch result {
            case .success(let answer): probe.seen.append((try? answer.decode(String.self)) ?? "nothing")
            case .failure(let error): probe.seen.append("\(error.code)")
            }
        }
    }

    func connected(_ socket: Socket, _ connection: Connection) throws {
        try socket.join("lobby")
        try socket.broadcast.emit("came", connection.id)
    }

    func disconnecting(_ socket: Socket, _ disconnection: Disconnection) {
        seen.append("\(disconnection.reason): \(disconnection.rooms.joined(separator: ","))")
    }

    func observe(_ socket: Socket, _ event: borrowing Event) {
        seen.append("any \(event.name) \(event.wantsAck)")
    }

    func person(_ request: borrowing Request) throws -> Response {
        guard request.parameter("id") == "1" else {
            throw Problem.notFound("nobody has the number \(request.parameter("id"))")
        }
        return try .json(Person(name: "Ann", age: nil))
    }

    func addPerson(_ request: borrowing Request) throws -> Response {
        try .json(request.decode(Person.self), status: 201)
    }

    func laterRequest(_ request: borrowing Request) throws -> Response {
        let reply = try request.keep()
        Thread.detachNewThread { reply.fail(Problem(409, "conflict", "too late")) }
        return .later
    }

    func stream(_ request: borrowing Request) throws -> Response {
        let stream = try request.stream()
        Task {
            _ = try await stream.send(ServerSentEvent(id: "1", name: "word\nbreak", data: "a\nb"))
            stream.finish()
        }
        return .later
    }

    func tick() { seen.append("tick") }

    func remindLater() throws {
        try io.after(.milliseconds(5), Probe.self) { $0.seen.append("timer") }
        try io.onStrand(Probe.self) { $0.seen.append("posted") }
    }
}

/// Finds the plugin's instance, to check its state.
enum Probes {
    static func last(of host: FakeHost) -> Probe {
        let plugin = Instances.plugin(of: host) as? Probe
        return plugin!
    }
}

enum Instances {
    static func plugin(of host: FakeHost) -> (any Plugin)? { Instance.of(host.instance)?.plugin }
}

/// The result codes of the header as `Int32`, the type that its functions return: Swift imports the constants of a C
/// enumeration as `Int`.
let JF_OK = Int32(CJackfield.JF_OK)
let JF_PENDING = Int32(CJackfield.JF_PENDING)
let JF_E_FAILED = Int32(CJackfield.JF_E_FAILED)
let JF_E_INVALID = Int32(CJackfield.JF_E_INVALID)
let JF_E_GONE = Int32(CJackfield.JF_E_GONE)
let JF_E_UNSUPPORTED = Int32(CJackfield.JF_E_UNSUPPORTED)
let JF_E_LIMIT = Int32(CJackfield.JF_E_LIMIT)
let JF_E_SPACE = Int32(CJackfield.JF_E_SPACE)
let JF_E_NOT_FOUND = Int32(CJackfield.JF_E_NOT_FOUND)
let JF_E_DENIED = Int32(CJackfield.JF_E_DENIED)
let JF_E_TIMEOUT = Int32(CJackfield.JF_E_TIMEOUT)
let JF_E_UNAVAILABLE = Int32(CJackfield.JF_E_UNAVAILABLE)
let JF_E_MISMATCH = Int32(CJackfield.JF_E_MISMATCH)
