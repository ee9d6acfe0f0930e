import CJackfield
import FakeHost
import Foundation
import JackfieldPlugin
import RoomsPlugin
import Testing

@Suite struct RoomsTests {
    let host: FakeHost
    let store = FileManager.default.temporaryDirectory.appending(path: "jackfield-rooms-\(UUID().uuidString)/rows.db")
        .path

    struct Room: Decodable, Equatable {
        let id: String
        let name: String
        let created_by: String
        let created_at: String
    }

    struct Message: Decodable, Equatable {
        let id: String
        let room: String
        let user: String
        let body: String
        let at: String
    }

    struct Page<Item: Decodable>: Decodable {
        let items: [Item]
        let next: String?
    }

    init() throws {
        host = FakeHost(config: #"{"store":"sqlite:\#(store)"}"#)
        try #require(host.load(Rooms.main) == nil)
        host.drain()
        host.connect(1, user: "alice")
        host.connect(2, user: "bob")
        host.connect(3, user: "alice")
        host.connect(4)
        host.forget()
    }

    // MARK: Tools

    private func ack(_ name: String, _ args: String, from socket: jf_socket, user: String? = nil) async -> String {
        let users: [jf_socket: String] = [1: "alice", 2: "bob", 3: "alice"]
        let token = host.emit(name, args, from: socket, user: users[socket])
        switch await host.answer(to: token) {
        case .acked(_, let args, _): return args
        case .ackFailed(_, let code): return code
        default: return "nothing"
        }
    }

    private func room(_ name: String = "den") async throws -> String {
        let rooms: [Room] = try decode(await ack("room:create", #"[{"name":"\#(name)"}]"#, from: 1))
        return rooms[0].id
    }

    private func join(_ room: String, _ socket: jf_socket) async -> String {
        await ack("room:join", #"[{"room":"\#(room)"}]"#, from: socket)
    }

    private func decode<T: Decodable>(_ text: String) throws -> T {
        try JSONDecoder().decode(T.self, from: Data(text.utf8))
    }

    private func broadcasts(_ name: String) -> [(rooms: [String], args: String)] {
        host.acts.compactMap {
            if case .broadcast(_, let rooms, _, _, name, let args) = $0 { (rooms, args) } else { nil }
        }
    }

    private func get(_ path: String, _ query: [(String, String)] = [], user: String = "carol") async -> String {
        let token = host.request("GET", path, query: query, user: user)
        switch await host.answer(to: token) {
        case .responded(_, 200, let body): return body
        case .problem(_, let status, let code): return "\(status) \(code)"
        default: return "nothing"
        }
    }

    // MARK: Joining and leaving

    @Test func `a room is created, joined and left`() async throws {
        let id = try await room()
        let joined: [Room] = try decode(await join(id, 2))
        #expect(joined[0].name == "den" && joined[0].created_by == "alice")
        #expect(host.acts.contains(.joined(2, "room:\(id)")))
        #expect(broadcasts("room:joined").map(\.rooms) == [["room:\(id)"]])
        #expect(broadcasts("room:joined")[0].args.hasPrefix(#"[{"room":"\#(id)","user":"bob","at":"2026-"#))
        let left = await ack("room:leave", #"[{"room":"\#(id)"}]"#, from: 2)
        #expect(left.hasPrefix(#"[{"room":"\#(id)","user":"bob","at":""#))
        #expect(broadcasts("room:left").count == 1)
        #expect(host.acts.contains(.left(2, "room:\(id)")))
    }

    @Test func `two tabs of one user are one member`() async throws {
        let id = try await room()
        _ = await join(id, 1)
        _ = await join(id, 3)
        _ = await join(id, 1)
        #expect(broadcasts("room:joined").count == 1)
        host.disconnect(1)
        #expect(broadcasts("room:left").isEmpty)
        host.disconnect(3)
        #expect(broadcasts("room:left").count == 1)
    }

    @Test func `joining a room that does not exist is an error`() async {
        #expect(await join("nowhere", 1) == "not_found")
        #expect(await ack("room:join", "[]", from: 1) == "invalid_arguments")
        #expect(await ack("room:leave", #"[{"room":"nowhere"}]"#, from: 1).contains(#""room":"nowhere""#))
    }

    @Test func `an anonymous socket can neither create nor join a room`() async throws {
        let id = try await room()
        #expect(await join(id, 4) == "unauthenticated")
        #expect(await ack("room:create", #"[{"name":"x"}]"#, from: 4) == "unauthenticated")
    }

    @Test(arguments: ["", String(repeating: "x", count: 201), #"a\u0000b"#, #"two\nlines"#, #"\u007f"#])
    func `a room's name has limits`(name: String) async {
        #expect(await ack("room:create", #"[{"name":"\#(name)"}]"#, from: 1) == "invalid_arguments")
    }

    @Test(arguments: [
        String(repeating: "x", count: 65), String(repeating: "\u{301}", count: 4000), #"a\u0000"#, #"\n"#,
    ])
    func `a text that cannot be an id is refused before it is looked up`(id: String) async {
        for event in ["room:join", "room:leave", "room:members", "room:history", "room:message"] {
            let token = host.emit(event, #"[{"room":"\#(id)","body":"x"}]"#, from: 1, user: "alice")
            #expect(await host.answer(to: token) == .ackFailed(token, code: "invalid_arguments"))
            #expect(host.detail(of: token).hasPrefix("room: an id has "))
        }
        #expect(await get("/v1/rooms/\(String(repeating: "x", count: 65))") == "400 invalid_arguments")
    }

    // MARK: Messages

    @Test func `a socket that is not in a room can neither send nor read there`() async throws {
        let id = try await room()
        _ = await join(id, 2)
        for event in ["room:message", "room:history", "room:members"] {
            #expect(await ack(event, #"[{"room":"\#(id)","body":"psst"}]"#, from: 1) == "not_a_member")
        }
        #expect(broadcasts("room:message").isEmpty)
    }

    @Test func `a user without a socket in a room cannot read it over HTTP`() async throws {
        let id = try await room()
        _ = await join(id, 2)
        for path in ["messages", "members"] {
            #expect(await get("/v1/rooms/\(id)/\(path)", user: "carol") == "403 not_a_member")
            // The creator of a room is not a member.
            #expect(await get("/v1/rooms/\(id)/\(path)", user: "alice") == "403 not_a_member")
            #expect(await get("/v1/rooms/\(id)/\(path)", user: "bob").hasPrefix(#"{"items":["#))
        }
    }

    @Test func `a user may read over HTTP as long as one of his sockets is in the room`() async throws {
        let id = try await room()
        _ = await join(id, 1)
        _ = await join(id, 3)
        let path = "/v1/rooms/\(id)/messages"
        _ = await ack("room:leave", #"[{"room":"\#(id)"}]"#, from: 1)
        #expect(await get(path, user: "alice").hasPrefix(#"{"items":["#))
        host.disconnect(3)
        #expect(await get(path, user: "alice") == "403 not_a_member")
    }

    @Test func `a room that does not exist is not found, over HTTP and over a socket`() async throws {
        let nowhere = "01234567-89ab-7000-8000-000000000000"
        for id in [nowhere, "nowhere"] {
            for event in ["room:message", "room:history", "room:members"] {
                #expect(await ack(event, #"[{"room":"\#(id)","body":"hello?"}]"#, from: 1) == "not_found")
            }
            #expect(await get("/v1/rooms/\(id)/messages") == "404 not_found")
        }
    }

    @Test func `a message is stored, acknowledged and emitted to all members`() async throws {
        let id = try await room()
        _ = await join(id, 1)
        let args = await ack("room:message", #"[{"room":"\#(id)","body":"good \"morning\""}]"#, from: 1)
        let message = try #require(try (decode(args) as [Message]).first)
        #expect(message.user == "alice" && message.body == #"good "morning""# && message.room == id)
        #expect(
            await host.wait { if case .broadcast(_, _, _, _, "room:message", _) = $0 { true } else { false } } != nil)
        #expect(broadcasts("room:message").map(\.args) == [args])
        #expect(broadcasts("room:message").map(\.rooms) == [["room:\(id)"]])
        #expect(await ack("room:message", #"[{"room":"\#(id)","body":""}]"#, from: 1) == "invalid_arguments")
        #expect(await ack("room:message", #"[{"room":"\#(id)","body":7}]"#, from: 1) == "invalid_arguments")
    }

    @Test func `history runs from the newest to the oldest, in pages`() async throws {
        let id = try await room()
        _ = await join(id, 1)
        for index in 0..<5 { _ = await ack("room:message", #"[{"room":"\#(id)","body":"\#(index)"}]"#, from: 1) }
        let first = try #require(
            try (decode(await ack("room:history", #"[{"room":"\#(id)","limit":3}]"#, from: 1)) as [Page<Message>]).first
        )
        #expect(first.items.map(\.body) == ["4", "3", "2"])
        let next = try #require(first.next)
        let second: Page<Message> = try decode(await get("/v1/rooms/\(id)/messages", [("after", next)], user: "alice"))
        #expect(second.items.map(\.body) == ["1", "0"])
        #expect(second.next == nil)
    }

    @Test func `members are users, sorted by name`() async throws {
        let id = try await room()
        for socket: jf_socket in [2, 1, 3] { _ = await join(id, socket) }
        let page = await ack("room:members", #"[{"room":"\#(id)"}]"#, from: 1)
        #expect(page.contains(#"[{"user":"alice","since":""#) && page.contains(#"{"user":"bob","since":""#))
        #expect(page.hasSuffix(#""next":null}]"#))
        #expect(await get("/v1/rooms/\(id)/members", [("limit", "1")], user: "bob").hasSuffix(#""next":"alice"}"#))
        #expect(await get("/v1/rooms/\(id)/members", [("after", "alice")], user: "alice").contains(#""user":"bob""#))
    }

    @Test func `a misspelt key of the configuration is refused`() {
        #expect(
            FakeHost(config: #"{"store":"sqlite:\#(store)","stores":1}"#).load(Rooms.main)
                == "config: unknown key 'stores', did you mean 'store'?")
    }

    // MARK: REST

    @Test func `rooms are created and listed over HTTP without any socket`() async throws {
        let token = host.request("POST", "/v1/rooms", body: #"{"name":"lab"}"#, user: "carol")
        guard case .responded(_, 201, let body) = await host.answer(to: token) else { throw CancellationError() }
        let room: Room = try decode(body)
        #expect(host.header("Location", of: token) == "/v1/rooms/\(room.id)")
        #expect(await get("/v1/rooms/\(room.id)") == body)
        _ = try await self.room("later")
        let page: Page<Room> = try decode(await get("/v1/rooms"))
        #expect(page.items.map(\.name) == ["later", "lab"])
        #expect(await get("/v1/rooms/nowhere") == "404 not_found")
        #expect(await get("/v1/rooms/nowhere/messages") == "404 not_found")
        #expect(await get("/v1/rooms/nowhere/members") == "404 not_found")
    }

    // MARK: Reload and recovery

    @Test func `members stay members when the plugin is loaded again`() async throws {
        let id = try await room()
        let next = FakeHost(config: #"{"store":"sqlite:\#(store)"}"#)
        next.setClient(7, .init(id: "x", user: "dave", rooms: ["room:\(id)"]))
        #expect(next.load(Rooms.main) == nil)
        next.drain()
        let token = next.emit("room:message", #"[{"room":"\#(id)","body":"still here"}]"#, from: 7, user: "dave")
        guard case .acked = await next.answer(to: token) else {
            Issue.record("not a member any more")
            return
        }
    }

    @Test func `the user of a recovered connection is a member again`() async throws {
        let id = try await room()
        host.connect(8, user: "erin", recovered: ["room:\(id)"])
        host.drain()
        #expect(broadcasts("room:joined").count == 1)
        let token = host.emit("room:message", #"[{"room":"\#(id)","body":"back"}]"#, from: 8, user: "erin")
        guard case .acked = await host.answer(to: token) else {
            Issue.record("not a member")
            return
        }
    }
}
