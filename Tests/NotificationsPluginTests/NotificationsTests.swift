import CJackfield
import FakeHost
import Foundation
import JackfieldPlugin
import NotificationsPlugin
import Testing

@Suite struct NotificationsTests {
    let host: FakeHost
    let store = FileManager.default.temporaryDirectory.appending(
        path: "jackfield-notifications-\(UUID().uuidString)/rows.db"
    ).path

    struct Row: Decodable, Equatable {
        let id: String
        let user_id: String
        let type: String
        let title: String
        let body: String?
        let data: [String: Int]?
        let created_at: String
        let seen_at: String?
        let read_at: String?
        let delivered: Bool?
    }

    struct RowPage: Decodable {
        let items: [Row]
        let next: String?
    }

    init() throws {
        host = FakeHost(config: #"{"store":"sqlite:\#(store)"}"#)
        try #require(host.load(Notifications.main) == nil)
    }

    // MARK: Tools

    private func post(_ body: String, key: String? = nil, user: String = "shop") async -> (
        status: Int, body: String, token: jf_token
    ) {
        let token = host.request(
            "POST", "/v1/notifications", headers: key.map { [("idempotency-key", $0)] } ?? [], body: body, user: user)
        switch await host.answer(to: token) {
        case .responded(_, let status, let body): return (status, body, token)
        case .problem(_, let status, let code): return (status, code, token)
        default: return (0, "", token)
        }
    }

    private func push(to user: String, _ title: String = "Hello") async throws -> Row {
        let (status, body, _) = await post(#"{"user_id":"\#(user)","type":"note","title":"\#(title)"}"#)
        try #require(status == 201)
        return try decode(body)
    }

    private func get(_ path: String, _ query: [(String, String)] = [], user: String) async throws -> String {
        let token = host.request("GET", path, query: query, user: user)
        guard case .responded(_, 200, let body) = await host.answer(to: token) else { throw CancellationError() }
        return body
    }

    private func decode<T: Decodable>(_ text: String) throws -> T {
        try JSONDecoder().decode(T.self, from: Data(text.utf8))
    }

    private func ack(_ name: String, _ args: String, user: String? = "alice") async -> String {
        let token = host.emit(name, args, user: user)
        switch await host.answer(to: token) {
        case .acked(_, let args, _): return args
        case .ackFailed(_, let code): return code
        default: return "nothing"
        }
    }

    // MARK: Sending

    @Test func `an offline user's notification is stored, and emitted for a lost connection that the host may recover`()
        async throws
    {
        let (status, body, _) = await post(
            #"{"user_id":"alice","type":"order.shipped","title":"Shipped","body":"Today","data":{"order":7}}"#)
        #expect(status == 201)
        let row: Row = try decode(body)
        #expect(row.delivered == false)
        #expect(
            row.user_id == "alice" && row.type == "order.shipped" && row.title == "Shipped" && row.body == "Today"
                && row.data == ["order": 7])
        #expect(row.created_at.hasSuffix("Z") && row.seen_at == nil && row.read_at == nil)
        let emits = host.acts.compactMap { act in
            if case .broadcast("/", ["user:alice"], [], 0, let name, let args) = act { [name, args] } else { nil }
        }
        #expect(
            emits == [
                ["notification:new", "[" + body.replacing(#","delivered":false"#, with: "") + "]"],
                ["notification:count", "[1]"],
            ])
        let page: RowPage = try decode(await get("/v1/notifications", user: "alice"))
        #expect(page.items.map(\.id) == [row.id])
        #expect(page.next == nil)
    }

    @Test func `an online user gets the row and the count, before the sender gets his answer`() async throws {
        host.setOnline("alice", 2)
        let (_, body, token) = await post(#"{"user_id":"alice","type":"note","title":"Hi"}"#)
        let row: Row = try decode(body)
        #expect(row.delivered == true)
        let emits = host.acts.filter { if case .broadcast = $0 { true } else { false } }
        #expect(emits.count == 2)
        guard case .broadcast("/", ["user:alice"], [], 0, "notification:new", let args) = emits[0] else {
            Issue.record("not the row: \(emits[0])")
            return
        }
        #expect(args == "[" + body.replacing(#","delivered":true"#, with: "") + "]")
        #expect(
            emits[1]
                == .broadcast(
                    nsp: "/", rooms: ["user:alice"], except: [], exceptSocket: 0, name: "notification:count",
                    args: "[1]"))
        #expect(host.acts.last == .responded(token, status: 201, body: body))
    }

    @Test func `a notification that was acknowledged is there after a restart`() async throws {
        let row = try await push(to: "alice")
        let second = FakeHost(config: #"{"store":"sqlite:\#(store)"}"#)
        #expect(second.load(Notifications.main) == nil)
        let token = second.request("GET", "/v1/notifications", user: "alice")
        guard case .responded(_, 200, let body) = await second.answer(to: token) else { throw CancellationError() }
        let page: RowPage = try decode(body)
        #expect(page.items.map(\.id) == [row.id])
    }

    @Test(arguments: [
        (#"{"type":"a","title":"b"}"#, "body.user_id is missing"),
        (#"{"user_id":7,"type":"a","title":"b"}"#, "body.user_id must be text"),
        (#"{"user_id":"","type":"a","title":"b"}"#, "user_id is empty"),
        (#"{"user_id":"alice\u0000x","type":"a","title":"b"}"#, "user_id holds a control character"),
        (#"{"user_id":"alice\n","type":"a","title":"b"}"#, "user_id holds a control character"),
        (#"{"user_id":"a","type":"a","title":"b\u0000"}"#, "title must not contain the character U+0000"),
        (#"{"user_id":"a","type":"a b","title":"b"}"#, "type 'a b' may have letters, digits and _ . : - only"),
        (#"{"user_id":"a","type":"a","title":""}"#, "title must have 1 to 200 characters; it has 0"),
        (#"{"user_id":"a","type":"a","title":"b",}"#, "body is not JSON"),
        (#"[1]"#, "body must be an object"),
        ("", "body is not JSON"),
    ])
    func `the error for an invalid notification names the member`(body: String, detail: String) async {
        let (status, code, token) = await post(body)
        #expect(status == 400 && code == "invalid_arguments")
        #expect(host.detail(of: token) == detail)
    }

    @Test func `lengths have limits`() async {
        let long = String(repeating: "ä", count: 201)
        #expect(await post(#"{"user_id":"a","type":"a","title":"\#(long)"}"#).status == 400)
        let longBody = String(repeating: "x", count: 10_001)
        #expect(await post(#"{"user_id":"a","type":"a","title":"b","body":"\#(longBody)"}"#).status == 400)
        // The limit is in bytes, as that of the user of a connection.
        let longUser = String(repeating: "ä", count: 129)
        #expect(await post(#"{"user_id":"\#(longUser)","type":"a","title":"b"}"#).status == 400)
        let data = String(repeating: "x", count: 65_535)
        #expect(await post(#"{"user_id":"a","type":"a","title":"b","data":"\#(data)"}"#).status == 400)
    }

    @Test func `data is passed on byte for byte`() async throws {
        let (_, body, _) = await post(
            #"{"user_id":"alice","type":"a","title":"b","data":{"z" : 1.50, "a":["\u00e4"]}}"#)
        #expect(body.contains(#""data":{"z" : 1.50, "a":["\u00e4"]}"#))
        #expect(try await get("/v1/notifications", user: "alice").contains(#""data":{"z" : 1.50, "a":["\u00e4"]}"#))
    }

    // MARK: Idempotency

    @Test func `a request with the same key gets the first answer again`() async throws {
        host.setOnline("alice", 1)
        let request = #"{"user_id":"alice","type":"note","title":"Once","data":{"a":1}}"#
        let first = await post(request, key: "\"k-1\"")
        host.setOnline("alice", 0)
        host.forget()
        let again = await post(request, key: "k-1")
        #expect(again.status == 201 && again.body == first.body)
        #expect(host.header("Idempotency-Replayed", of: again.token) == "true")
        #expect(host.header("Idempotency-Replayed", of: first.token) == nil)
        #expect(host.acts == [.responded(again.token, status: 201, body: first.body)])
        #expect(try await get("/v1/notifications/count", user: "alice") == #"{"count":1}"#)

        let other = await post(#"{"user_id":"alice","type":"note","title":"Twice"}"#, key: "k-1")
        #expect(other.status == 422 && other.body == "idempotency_mismatch")
        let somebodyElse = await post(request, key: "k-1", user: "bank")
        #expect(somebodyElse.status == 201 && somebodyElse.body != first.body)
    }

    @Test func `requests that are only canonically equivalent are different`() async throws {
        let composed = await post(#"{"user_id":"alice","type":"note","title":"\u00e9"}"#, key: "k-2")
        let decomposed = await post(#"{"user_id":"alice","type":"note","title":"e\u0301"}"#, key: "k-2")
        #expect(composed.status == 201)
        #expect(decomposed.status == 422 && decomposed.body == "idempotency_mismatch")
    }

    @Test func `a key expires after a day`() async throws {
        let request = #"{"user_id":"alice","type":"note","title":"Daily"}"#
        let first = await post(request, key: "k")
        host.setNow(1_790_000_000_000 + 24 * 3600 * 1000 + 1)
        host.timers[0].handler?(host.instance, host.timers[0].context)
        let second = await post(request, key: "k")
        #expect(second.status == 201 && second.body != first.body)
    }

    @Test(arguments: [
        "", "with blank", String(repeating: "k", count: 256), "\u{e4}", "\"\"",
        String(repeating: "\u{301}", count: 4000),
    ])
    func `an invalid key is refused`(key: String) async {
        #expect(await post(#"{"user_id":"a","type":"a","title":"b"}"#, key: key).status == 400)
    }

    // MARK: Lists

    @Test func `pages run from the newest to the oldest`() async throws {
        var ids: [String] = []
        for index in 0..<5 { ids.append(try await push(to: "alice", "\(index)").id) }
        _ = try await push(to: "bob")
        let first: RowPage = try decode(await get("/v1/notifications", [("limit", "2")], user: "alice"))
        #expect(first.items.map(\.title) == ["4", "3"])
        #expect(first.next == ids[3])
        let page = await ack("notification:list", #"[{"after":"\#(ids[3])","limit":10}]"#)
        let second = try #require(try (decode(page) as [RowPage]).first)
        #expect(second.items.map(\.title) == ["2", "1", "0"])
        #expect(second.next == nil)
    }

    @Test func `a list shows what was new, and marks it seen`() async throws {
        _ = try await push(to: "alice")
        let first: RowPage = try decode(await get("/v1/notifications", user: "alice"))
        #expect(first.items[0].seen_at == nil)
        host.setNow(1_790_000_001_000)
        // The mark is written after the answer. Writes are in order, so it is stored when a later write is answered.
        _ = try await push(to: "bob")
        let second: RowPage = try decode(await get("/v1/notifications", user: "alice"))
        #expect(second.items[0].seen_at != nil && second.items[0].read_at == nil)
    }

    @Test(arguments: [
        ("status", "new"), ("status", ""), ("status", "UNREAD"), ("status", String(repeating: "\u{301}", count: 4000)),
        ("after", "x"),
        ("after", String(repeating: "\u{301}", count: 4000)), ("limit", "0"), ("limit", "many"), ("limit", "201"),
        ("limit", "99999999999999999999"),
    ])
    func `the error for an invalid query parameter names it`(name: String, value: String) async {
        let token = host.request("GET", "/v1/notifications", query: [(name, value)], user: "alice")
        #expect(await host.answer(to: token) == .problem(token, status: 400, code: "invalid_arguments"))
        #expect(host.detail(of: token).contains(name) && host.detail(of: token).utf8.count < 500)
    }

    // MARK: Reading

    @Test func `marking one as read emits the new count to all sockets of the user`() async throws {
        let row = try await push(to: "alice")
        _ = try await push(to: "alice")
        host.forget()
        #expect(await ack("notification:read", #"[{"id":"\#(row.id)"}]"#) == #"[{"ok":true,"updated":1,"count":1}]"#)
        #expect(
            host.acts.first
                == .broadcast(
                    nsp: "/", rooms: ["user:alice"], except: [], exceptSocket: 0, name: "notification:count",
                    args: "[1]"))
        host.forget()
        #expect(await ack("notification:read", #"[{"id":"\#(row.id)"}]"#) == #"[{"ok":true,"updated":0,"count":1}]"#)
        #expect(host.acts.count == 1)
        let unread: RowPage = try decode(await get("/v1/notifications", [("status", "unread")], user: "alice"))
        let read: RowPage = try decode(await get("/v1/notifications", [("status", "read")], user: "alice"))
        #expect(unread.items.count == 1 && read.items.map(\.id) == [row.id])
        #expect(read.items[0].seen_at != nil && read.items[0].read_at != nil)
    }

    @Test func `several or all notifications can be marked as read`() async throws {
        let ids = try await [push(to: "alice"), push(to: "alice"), push(to: "alice")].map(\.id)
        #expect(
            await ack("notification:read", #"[{"ids":["\#(ids[0])","\#(ids[1])","nothing"]}]"#)
                == #"[{"ok":true,"updated":2,"count":1}]"#)
        #expect(await ack("notification:read", #"[{"all":true}]"#) == #"[{"ok":true,"updated":1,"count":0}]"#)
        #expect(
            await ack("notification:read", #"[{"all":true}]"#, user: "nobody")
                == #"[{"ok":true,"updated":0,"count":0}]"#)
    }

    @Test func `a user cannot read the notifications of another`() async throws {
        let row = try await push(to: "alice")
        #expect(await ack("notification:read", #"[{"id":"\#(row.id)"}]"#, user: "bob") == "not_found")
        let token = host.request("POST", "/v1/notifications/\(row.id)/read", user: "bob")
        #expect(await host.answer(to: token) == .problem(token, status: 404, code: "not_found"))
        #expect(try await get("/v1/notifications/count", user: "alice") == #"{"count":1}"#)
    }

    /// The host refuses a token with such a user, so this tests the store alone.
    @Test func `a user with a NUL in the name is a user of his own`() async throws {
        let row = try await push(to: "alice")
        let mallory = "alice\0x"
        #expect(try (decode(await get("/v1/notifications", user: mallory)) as RowPage).items.isEmpty)
        #expect(try await get("/v1/notifications/count", user: mallory) == #"{"count":0}"#)
        #expect(await ack("notification:read", #"[{"id":"\#(row.id)"}]"#, user: mallory) == "not_found")
        #expect(
            await ack("notification:read", #"[{"ids":["\#(row.id)"]}]"#, user: mallory)
                == #"[{"ok":true,"updated":0,"count":0}]"#)
        #expect(
            await ack("notification:read", #"[{"all":true}]"#, user: mallory) == #"[{"ok":true,"updated":0,"count":0}]"#
        )
        let page: RowPage = try decode(await get("/v1/notifications", user: "alice"))
        #expect(page.items.map(\.seen_at) == [nil] && page.items.map(\.read_at) == [nil])
        #expect(try await get("/v1/notifications/count", user: "alice") == #"{"count":1}"#)
    }

    @Test func `notifications can be marked as read over HTTP`() async throws {
        let row = try await push(to: "alice")
        _ = try await push(to: "alice")
        let one = host.request("POST", "/v1/notifications/\(row.id)/read", user: "alice")
        guard case .responded(_, 200, let body) = await host.answer(to: one) else { throw CancellationError() }
        #expect(try (decode(body) as Row).read_at != nil)
        let all = host.request("POST", "/v1/notifications/read-all", user: "alice")
        #expect(await host.answer(to: all) == .responded(all, status: 200, body: #"{"updated":1,"count":0}"#))
    }

    @Test(arguments: ["[]", "[{}]", #"[{"id":"a","all":true}]"#, #"[{"all":false}]"#, #"[{"ids":"a"}]"#])
    func `a request to mark as read needs exactly one target`(args: String) async {
        #expect(await ack("notification:read", args) == "invalid_arguments")
    }

    @Test(arguments: [
        (#"{"id":"\#(String(repeating: "x", count: 65))"}"#, "id: an id has at most 64 bytes, this has 65"),
        (#"{"id":"a\u0000"}"#, "id: an id has no control characters"),
        (#"{"ids":["a","b\u007f"]}"#, "ids[1]: an id has no control characters"),
        (
            #"{"ids":["\#(String(repeating: "\u{301}", count: 4000))"]}"#,
            "ids[0]: an id has at most 64 bytes, this has 8000"
        ),
    ])
    func `a text that cannot be an id is refused before it is looked up`(argument: String, message: String) async {
        let token = host.emit("notification:read", "[\(argument)]", user: "alice")
        #expect(await host.answer(to: token) == .ackFailed(token, code: "invalid_arguments"))
        #expect(host.detail(of: token) == message)
    }

    @Test func `an anonymous socket has no notifications`() async {
        #expect(await ack("notification:list", "[]", user: nil) == "unauthenticated")
        #expect(await ack("notification:read", #"[{"all":true}]"#, user: nil) == "unauthenticated")
    }

    // MARK: Connecting, order, declarations

    @Test func `a socket that connects gets the unread count`() async throws {
        _ = try await push(to: "alice")
        host.forget()
        host.connect(9, user: "alice")
        host.connect(10)
        #expect(host.acts == [.emitted(to: 9, name: "notification:count", args: "[1]")])
    }

    @Test func `two hundred concurrent pushes are stored in the order of their ids`() async throws {
        let tokens = (0..<200).map { index in
            host.request(
                "POST", "/v1/notifications", body: #"{"user_id":"alice","type":"note","title":"\#(index)"}"#,
                user: "shop")
        }
        for token in tokens {
            guard case .responded(_, 201, _) = await host.answer(to: token) else { throw CancellationError() }
        }
        let page: RowPage = try decode(await get("/v1/notifications", [("limit", "200")], user: "alice"))
        #expect(page.items.map(\.title) == (0..<200).reversed().map { "\($0)" })
    }

    @Test func `the plugin is ready while its store is`() {
        #expect(host.ready() == nil)
    }

    @Test func `the declared routes and their scopes`() {
        #expect(host.routes.count == 5)
        #expect(host.routes[0].scope.len == UInt64("notifications:write".utf8.count))
        #expect(host.routes.dropFirst().allSatisfy { $0.scope.len == 0 && $0.auth == JF_AUTH_REQUIRED })
    }

    @Test func `the error for an unusable store names the path`() {
        #expect(
            FakeHost(config: #"{"store":"mysql:x"}"#).load(Notifications.main)?.hasPrefix(
                "config.store 'mysql:x' is not a store") == true)
        #expect(FakeHost(config: #"{"store":7}"#).load(Notifications.main) == "config.store must be text")
        #expect(
            FakeHost(config: #"{"stroe":"sqlite:x"}"#).load(Notifications.main)
                == "config: unknown key 'stroe', did you mean 'store'?")
        #expect(
            FakeHost(config: #"{"store":"sqlite:/proc/nowhere/x.db"}"#).load(Notifications.main)?.contains(
                "cannot make the folder '/proc/nowhere'") == true)
    }
}
