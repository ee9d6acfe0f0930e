import CJackfield
import FakeHost
import Foundation
import JackfieldPlugin
import Testing

@Suite struct PluginTests {
    let host = FakeHost(config: #"{"limit": 7}"#)

    init() throws {
        try #require(host.load(Probe.main) == nil)
    }

    @Test func `the descriptor has what the plugin declared`() {
        #expect(host.plugin.abi == UInt32(JF_ABI))
        #expect(host.namespaces.count == 5)
        #expect(host.routes.count == 7)
        #expect(host.timers.map(\.interval) == [2000])
        let shout = host.events[9]
        #expect(shout.run == JF_RUN_BY_KEY)
        #expect(shout.run_key.len == 7)
    }

    @Test func `an allowRequest hook refuses a request for a session`() throws {
        #expect(try #require(host.handshake()) == (JF_OK, ""))
        #expect(
            try #require(host.handshake(headers: [("x-app-version", "1")])) == (JF_E_DENIED, "version 1 is too old"))
        #expect(
            try #require(host.handshake(headers: [("host", "a"), ("cookie", "b")], secure: true)) == (
                JF_E_DENIED, #"192.0.2.1 ["host", "cookie"]"#
            ))
        #expect(host.log.isEmpty)
        #expect(try #require(host.handshake("/broken")).code == JF_E_FAILED)
        #expect(host.log.count == 1)
    }

    @Test func `the error for a wrong configuration names the key`() {
        #expect(FakeHost(config: #"{"limit": "many"}"#).load(Probe.main) == "config.limit must be a whole number")
        #expect(FakeHost().load(Probe.main) == "config.limit is missing")
    }

    @Test func `a host of another revision is refused`() {
        var boot = jf_boot()
        boot.abi = 99
        var plugin = jf_plugin()
        #expect(Probe.main(&boot, &plugin) == JF_E_INVALID)
        #expect(Probe.main(nil, nil) == JF_E_INVALID)
    }

    @Test func `JSON arguments are forwarded byte for byte`() {
        host.emit("echo", #"[1e2,"\u00e4",{"b":1,"a":2}]"#, from: 5)
        #expect(host.acts == [.emitted(to: 5, name: "echo", args: #"[[1e2,"\u00e4",{"b":1,"a":2}]]"#)])
    }

    @Test func `a handler decodes, keeps state and acks`() {
        let first = host.emit("greet", #"[{"name":"Ann"}]"#)
        let second = host.emit("greet", #"[{"name":"Bob","age":3}]"#)
        #expect(host.acts == [.acked(first, #"["hello Ann",1]"#), .acked(second, #"["hello Bob",2]"#)])
    }

    @Test(arguments: [
        ("[]", "'greet' needs an argument at position 0"),
        ("[7]", "'greet' argument 0 must be an object"),
        (#"[{}]"#, "'greet' argument 0.name is missing"),
        (#"[{"name":7}]"#, "'greet' argument 0.name must be text"),
        (#"[{"name":"a","age":"x"}]"#, "'greet' argument 0.age must be a whole number"),
        (#"[{"name":null}]"#, "'greet' argument 0.name is null; it must be text"),
    ])
    func `wrong arguments become an error that names the place`(args: String, message: String) {
        let token = host.emit("greet", args)
        #expect(host.acts == [.ackFailed(token, code: "invalid_arguments")])
        #expect(host.detail(of: token) == message)
    }

    @Test func `an error that is no Problem is logged, and the client gets 'internal'`() {
        let token = host.emit("fail")
        #expect(host.acts == [.ackFailed(token, code: "internal")])
        #expect(host.log.count == 1)
        #expect(host.log[0].hasPrefix("event 'fail': "))
        let denied = host.emit("deny")
        #expect(host.acts.last == .ackFailed(denied, code: "denied"))
        #expect(host.log.count == 1)
    }

    @Test func `a full disk is 507 over HTTP and 'unavailable' in an ack`() {
        let token = host.emit("full"), request = host.request("GET", "/v1/full")
        #expect(
            host.acts == [
                .ackFailed(token, code: "unavailable"), .problem(request, status: 507, code: "insufficient_storage"),
            ])
        #expect(host.detail(of: token) == "no room")
    }

    @Test func `an anonymous socket has no user`() {
        let token = host.emit("whoami")
        let named = host.emit("whoami", user: "alice")
        #expect(host.acts == [.ackFailed(token, code: "unauthenticated"), .acked(named, #"["alice"]"#)])
    }

    @Test func `an ack may come later from another thread`() async {
        let token = host.emit("later")
        #expect(await host.answer(to: token) == .acked(token, #"["at last"]"#))
    }

    @Test func `a reply that is released unanswered drops its token`() {
        let token = host.emit("forget")
        #expect(host.acts == [.dropped(token)])
    }

    @Test func `an error that is thrown after keep is sent to the client`() {
        let token = host.emit("keep and throw")
        let request = host.request("GET", "/v1/throws")
        #expect(host.acts == [.ackFailed(token, code: "conflict"), .problem(request, status: 409, code: "conflict")])
    }

    @Test func `binary data is sent as attachments`() {
        let token = host.emit("blob")
        #expect(
            host.acts == [
                .acked(
                    token, #"[{"_placeholder":true,"num":0},{"in":{"_placeholder":true,"num":1}}]"#,
                    attachments: [[1, 2, 3], [4]])
            ])
        host.forget()
        let upload = host.emit(
            "binary", #"[{"name":"x","data":{"_placeholder":true,"num":0}}]"#, attachments: [[9, 8]])
        #expect(
            host.acts == [
                .acked(upload, #"[2,{"name":"x","data":{"_placeholder":true,"num":0}}]"#, attachments: [[9, 8]])
            ])
        let missing = host.emit("binary", #"[{"name":"x","data":{"_placeholder":true,"num":3}}]"#)
        #expect(host.acts.last == .ackFailed(missing, code: "invalid_arguments"))
    }

    @Test func `a socket's broadcast has rooms, exceptions and flags, and leaves out the sender`() {
        host.emit("shout", #"["hey"]"#, from: 3)
        #expect(
            host.acts == [
                .broadcast(
                    nsp: "/", rooms: ["a", "b"], except: ["c"], exceptSocket: 3, name: "shouted", args: #"["hey"]"#)
            ])
    }

    @Test func `a client's answer reaches the strand`() {
        host.emit("ask", from: 4)
        host.answerQuestion(#"["forty-two"]"#)
        host.emit("ask", from: 4)
        host.answerQuestion("[]", status: JF_E_TIMEOUT)
        #expect(host.acts.first == .emitted(to: 4, name: "question", args: "[]"))
        #expect(probe.seen == ["forty-two", "\(JF_E_TIMEOUT)"])
    }

    @Test func `an answer may be awaited`() async throws {
        let socket = probe.io.socket(4)
        let answer = Task { try await socket.timeout(100).emitWithAck("question", 1) }
        #expect(await host.wait { $0 == .emitted(to: 4, name: "question", args: "[1]") } != nil)
        host.answerQuestion(#"[{"name":"Ann"}]"#)
        #expect(try await answer.value.decode(Probe.Person.self) == Probe.Person(name: "Ann", age: nil))
        let late = Task { try await socket.emitWithAck("again") }
        #expect(await host.wait { $0 == .emitted(to: 4, name: "again", args: "[]") } != nil)
        host.answerQuestion("[]", status: JF_E_TIMEOUT)
        await #expect { try await late.value } throws: { ($0 as? HostError)?.code == JF_E_TIMEOUT }
    }

    @Test func `a connect hook refuses with message and data`() {
        let refused = host.admit("/chat")
        #expect(refused?.code == JF_E_DENIED)
        #expect(refused?.message == "unauthorized")
        #expect(refused?.data == #"{"code":"missing_token"}"#)
        #expect(host.admit("/chat", auth: #"{"token":"x"}"#)?.code == JF_OK)
        #expect(host.admit("/chat", auth: #"{"token":"broken"}"#)?.code == JF_E_FAILED)
    }

    @Test func `a plugin with its own authentication names user and claims`() throws {
        let admitted = try #require(host.admit("/own", auth: #"{"key":"key-alice"}"#))
        #expect(admitted.code == JF_OK)
        #expect(host.acts == [.accepted(admitted.decision, user: "alice", claims: #"{"plan":"free"}"#)])
        #expect(host.admit("/own", auth: #"{"key":"x"}"#)?.message == "wrong key")
    }

    @Test func `a plugin with its own authentication may decide later`() async throws {
        let admitted = try #require(host.admit("/own-later"))
        #expect(admitted.code == JF_PENDING)
        #expect(await host.wait { $0 == .accepted(admitted.decision, user: "late") } != nil)
    }

    @Test func `a hook of the handshake adds response headers`() throws {
        _ = try #require(host.handshake())
        #expect(host.handshakeHeaders == ("x-first: 1\r\n", "x-every: 2\r\n"))
    }

    @Test func `an object is kept with its socket until the plugin stops`() {
        let before = Probe.Visits.alive.withLock { $0 }
        host.emit("sign in", from: 4, wantsAck: false)
        host.emit("visit", from: 4)
        host.forget()
        let again = host.emit("visit", from: 4), other = host.emit("visit", from: 5)
        #expect(host.acts == [.acked(again, #"[2,"id-4",4]"#), .acked(other, #"[0,"id-5",5]"#)])
        host.unload()
        #expect(Probe.Visits.alive.withLock { $0 } == before)
    }

    @Test func `an empty list of rooms is an error and never selects all sockets`() {
        #expect(throws: HostError.self) { try probe.io.of("/").to([]).emit("x") }
        #expect(host.acts == [])
    }

    @Test func `a connect hook may decide later`() async throws {
        let admitted = try #require(host.admit("/slow", user: "alice"))
        let refused = try #require(host.admit("/slow"))
        #expect(admitted.code == JF_PENDING)
        #expect(await host.wait { $0 == .accepted(admitted.decision) } != nil)
        #expect(
            await host.wait {
                $0 == .refused(refused.decision, message: "who are you?", data: #"{"code":"anonymous"}"#)
            } != nil)
    }

    @Test func `hooks are called when sockets join and leave`() {
        host.connect(8, user: "alice", nsp: "/chat")
        #expect(
            host.acts == [
                .joined(8, "lobby"),
                .broadcast(nsp: "/chat", rooms: [], except: [], exceptSocket: 8, name: "came", args: #"["id-8"]"#),
            ])
        host.disconnect(8, nsp: "/chat")
        #expect(probe.seen == ["transport close: id-8,lobby"])
    }

    @Test func `in a namespace of a pattern, a handler gets the name that the client joined`() {
        let token = host.emit("where", nsp: "/dyn-7", declared: "^/dyn-[0-9]+$")
        #expect(host.acts == [.acked(token, #"["/dyn-7"]"#)])
    }

    @Test func `onAny gets every event and no ack`() {
        let token = host.emit("hi", nsp: "/chat")
        #expect(host.acts == [.acked(token, #"["/chat"]"#)])
        #expect(probe.seen == ["any hi false"])
    }

    @Test func `routes answer with JSON, text and problems`() {
        let found = host.request("GET", "/v1/people/1")
        let missing = host.request("GET", "/v1/people/2")
        let added = host.request("POST", "/v1/people", body: #"{"name":"Ann","age":30}"#)
        let wrong = host.request("POST", "/v1/people", body: #"{"name":"#)
        let text = host.request("GET", "/v1/text", query: [("q", "hello")])
        #expect(
            host.acts == [
                .responded(found, status: 200, body: #"{"name":"Ann"}"#),
                .problem(missing, status: 404, code: "not_found"),
                .responded(added, status: 201, body: #"{"name":"Ann","age":30}"#),
                .problem(wrong, status: 400, code: "invalid_arguments"),
                .responded(text, status: 200, body: "hello"),
            ])
        #expect(host.detail(of: wrong) == "body is not JSON")
        #expect(host.header("x-seen", of: text) == "yes")
    }

    @Test func `a request may be answered later`() async {
        let token = host.request("GET", "/v1/later")
        #expect(await host.answer(to: token) == .problem(token, status: 409, code: "conflict"))
    }

    @Test func `a stream waits for a slow reader`() async throws {
        host.setStreamsFull(true)
        let token = host.request("GET", "/v1/stream")
        try await Task.sleep(for: .milliseconds(50))
        #expect(host.acts == [])
        host.setStreamsFull(false)
        host.makeWritable(token)
        #expect(await host.wait { $0 == .streamEnded(token) } != nil)
        #expect(host.acts.first == .streamed(token, "id: 1\nevent: word break\ndata: a\ndata: b\n\n"))
    }

    @Test func `timers and posted closures run with the instance`() throws {
        try probe.remindLater()
        host.drain()
        host.fireTimers()
        host.timers[0].handler?(host.instance, host.timers[0].context)
        #expect(probe.seen == ["posted", "timer", "tick"])
    }

    @Test func `a cancelled timer does not fire`() throws {
        let timer = try probe.io.after(.seconds(1), Probe.self) { $0.seen.append("timer") }
        #expect(timer.cancel())
        host.drain()
        #expect(!timer.cancel())
        host.fireTimers()
        #expect(probe.seen == [])
    }

    @Test func `closures that wait when the plugin is unloaded are freed`() throws {
        final class Token: Sendable {}
        var token: Token? = Token()
        weak let watched = token
        try probe.io.after(.seconds(1), Probe.self) { [token] _ in _ = token }
        token = nil
        #expect(watched != nil)
        host.unload()
        #expect(watched == nil)
    }

    @Test func `sockets are fetched with users, rooms and data`() throws {
        host.setClient(1, .init(id: "a", user: "alice", rooms: ["r"]))
        host.setClient(2, .init(id: "b", user: nil))
        try probe.io.to("r").fetchSockets(Probe.self) { probe, result in
            for found in (try? result.get()) ?? [] {
                probe.seen.append(
                    "\(found.id) \(found.user ?? "-") \(found.rooms) \(found.data) \(found.socket.handle) \(found.transport == .webSocket)"
                )
            }
        }
        host.drain()
        #expect(probe.seen == [#"a alice ["a", "r"] {} 1 true"#])
    }

    @Test func `a call that the host does not have throws an error`() {
        #expect(throws: HostError.self) { try probe.io.to("a").socketsJoin("b") }
        #expect(throws: HostError.self) { try probe.io.presence.watch("alice") }
    }

    /// The instance of the plugin.
    private var probe: Probe { Probes.last(of: host) }
}
