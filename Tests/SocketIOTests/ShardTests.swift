import Support
import Testing

@testable import SocketIO

@Suite struct ShardTests {
    /// Clients a, b, c; a and b in `r`, b and c in `s`.
    private func three(_ options: SocketOptions = SocketOptions()) throws -> (TestHost, [TestClient]) {
        let host = try TestHost(options)
        let clients = (0..<3).map { _ in host.joined() }
        try host.sockets[0].join("r")
        try host.sockets[1].join("r")
        try host.sockets[1].join("s")
        try host.sockets[2].join("s")
        return (host, clients)
    }

    private func whoHears(_ host: TestHost, _ clients: [TestClient], _ target: BroadcastTarget) -> [Int] {
        let count = host.shard.broadcast("x", "[]", to: target)
        let heard = clients.map { $0.heard() }
        #expect(heard.joined().count == count)
        #expect(host.shard.count(target) == count)
        return heard.indices.filter { heard[$0] == [#"2["x"]"#] }
    }

    @Test("a target follows the reference: namespace, union of rooms, exceptions, each socket once") func targets()
        throws
    {
        let (host, clients) = try three()
        let id = host.sockets.map { $0.id }, handle = host.sockets.map { $0.handle }
        #expect(whoHears(host, clients, BroadcastTarget()) == [0, 1, 2])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: ["r"])) == [0, 1])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: ["r", "s"])) == [0, 1, 2])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: ["r", "r"])) == [0, 1])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: ["nowhere"])) == [])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: [id[2]])) == [2])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: [id[0], "r", id[2]])) == [0, 1, 2])
        #expect(whoHears(host, clients, BroadcastTarget(except: ["r"])) == [2])
        #expect(whoHears(host, clients, BroadcastTarget(except: ["r", id[2]])) == [])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: ["r"], except: ["s"])) == [0])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: ["s"], except: ["nowhere"])) == [1, 2])
        #expect(whoHears(host, clients, BroadcastTarget(exceptSocket: handle[1])) == [0, 2])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: ["r"], exceptSocket: handle[0])) == [1])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: ["r", "s"], exceptSocket: handle[1])) == [0, 2])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: [id[1]], exceptSocket: handle[1])) == [])
        #expect(whoHears(host, clients, BroadcastTarget(namespace: "/public")) == [])
        #expect(whoHears(host, clients, BroadcastTarget(namespace: "/nowhere")) == [])
        #expect(host.shard.statistics.deliveries > 0)
    }

    @Test("a target may name one socket, alone or with rooms, and is then never the whole namespace") func oneSocket()
        throws
    {
        let (host, clients) = try three()
        let handle = host.sockets.map { $0.handle }
        #expect(whoHears(host, clients, BroadcastTarget(socket: handle[1])) == [1])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: ["r"], socket: handle[2])) == [0, 1, 2])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: ["r"], socket: handle[0])) == [0, 1])
        #expect(whoHears(host, clients, BroadcastTarget(except: ["r"], socket: handle[1])) == [])
        #expect(whoHears(host, clients, BroadcastTarget(exceptSocket: handle[1], socket: handle[1])) == [])
        #expect(whoHears(host, clients, BroadcastTarget(namespace: "/public", socket: handle[1])) == [])
        clients[1].vanish()
        #expect(whoHears(host, clients, BroadcastTarget(socket: handle[1])) == [])
    }

    @Test("other sockets can join the room of a socket id") func joinedID() throws {
        let (host, clients) = try three()
        try host.sockets[2].join(host.sockets[0].id)
        #expect(whoHears(host, clients, BroadcastTarget(rooms: [host.sockets[0].id])) == [0, 2])
        #expect(whoHears(host, clients, BroadcastTarget(rooms: [host.sockets[0].id, "r"])) == [0, 1, 2])
        #expect(
            whoHears(host, clients, BroadcastTarget(rooms: [host.sockets[0].id], exceptSocket: host.sockets[0].handle))
                == [2])
    }

    @Test("a broadcast with attachments reaches all, numbered as in the reference") func binary() throws {
        let (host, clients) = try three()
        host.shard.broadcast("x", #"[{"_placeholder":true,"num":0}]"#, [[0xBE, 0xEF]], to: BroadcastTarget())
        for client in clients { #expect(client.heard() == [#"51-["x",{"_placeholder":true,"num":0}]"#, "<beef>"]) }
    }

    @Test("a volatile broadcast is dropped for sockets that cannot send it at once") func volatile() throws {
        let (host, clients) = try three()
        clients[1].output.canSendNow = false
        host.shard.broadcast("x", "[]", flags: .volatile, to: BroadcastTarget())
        #expect(clients.map { $0.heard().count } == [1, 0, 1])
    }

    @Test("a broadcast in a namespace contains the namespace's name") func namespaced() throws {
        let host = try TestHost()
        let client = TestClient(host)
        client.say("0/public,")
        host.shard.broadcast("x", "[1]", to: BroadcastTarget(namespace: "/public"))
        #expect(client.heard() == [#"2/public,["x",1]"#])
    }

    @Test("collecting a target gives each socket's handle once") func collecting()
        throws
    {
        let (host, _) = try three()
        for socket in host.sockets { try socket.join("a") }
        try host.sockets[1].join("b")
        var handles: ContiguousArray<SocketHandle> = []
        host.shard.collect(BroadcastTarget(rooms: ["a", "b"]), into: &handles)
        #expect(Set(handles) == Set(host.sockets.map(\.handle)))
        #expect(handles.count == 3)
        host.sockets[1].disconnect(close: true)
        #expect(handles.filter { host.shard.socket($0) != nil }.count == 2)
    }

    // MARK: - Closing

    @Test("closeAll closes every connection, including those that joined no namespace") func closeAll() throws {
        let (host, clients) = try three()
        let idle = TestClient(host)
        clients[1].vanish()
        host.onDisconnecting = { _ in host.shard.closeAll() }
        host.shard.closeAll()
        #expect(clients[0].isClosed && clients[2].isClosed && idle.isClosed)
        #expect(host.log.filter { $0 == "disconnected server shutting down" }.count == 2)
        #expect(host.shard.statistics.clients == 0)
        #expect(host.shard.clients.isEmpty)
    }

    @Test("connections close in any order, and closeAll closes all that remain") func comeAndGo() throws {
        let host = try TestHost()
        let clients = (0..<7).map { _ in host.joined() }
        for index in [6, 0, 3] { clients[index].vanish() }
        host.shard.closeAll()
        #expect(clients.filter { $0.isClosed }.count == 4)
        #expect(host.shard.statistics.clients == 0)
    }

    // MARK: - Broadcasts with acks

    @Test("an ack request ends once per socket: answered, timed out or disconnected") func acks() throws {
        let (host, clients) = try three()
        let sockets = host.sockets
        var answers: [String] = []
        let asked = host.shard.ask("q", "[1]", to: BroadcastTarget(), timeout: 100) { socket, answer in
            answers.append("\(sockets.firstIndex { $0 === socket }!) \(answer)")
        }
        #expect(asked == 3)
        for client in clients { #expect(client.heard() == [#"20["q",1]"#]) }
        clients[1].say("30[2]")
        clients[2].vanish()
        host.pass(200)
        clients[0].say("30[3]")
        #expect(answers == ["1 [2]", "2 disconnected", "0 timed out"])
    }

    @Test("a socket with too many pending acks gets no request and times out at once") func acksLimited() throws {
        var options = SocketOptions()
        options.maxPendingAcks = 1
        let (host, clients) = try three(options)
        try host.sockets[1].ask("first") { _ in }
        var answers: [String] = []
        #expect(host.shard.ask("q", "[]", to: BroadcastTarget(rooms: ["r"]), timeout: 100) { answers.append($1) } == 2)
        #expect(answers == ["timed out"])
        #expect(clients[1].heard() == [#"20["first"]"#])
    }

    // MARK: - Namespaces

    @Test("a dynamic namespace exists from its first socket to its last") func dynamic() throws {
        let host = try TestHost(namespaces: [.name("/"), .pattern("^/dyn-[0-9]+$")])
        let client = TestClient(host)
        client.say("0/dyn-1,", "0/dyn-2,")
        #expect(host.shard.statistics.dynamicNamespaces == 2)
        #expect(client.say("0/dyn-x,") == [#"4/dyn-x,{"message":"Invalid namespace"}"#])
        #expect(host.shard.broadcast("x", "[]", to: BroadcastTarget(namespace: "/dyn-1")) == 1)
        #expect(client.heard() == [#"2/dyn-1,["x"]"#])
        client.say("1/dyn-1,")
        #expect(host.shard.namespace("/dyn-1") == nil)
        #expect(host.shard.statistics.dynamicNamespaces == 1)
        client.vanish()
        #expect(host.shard.statistics.dynamicNamespaces == 0)
    }

    @Test("a refused CONNECT to a dynamic namespace removes the namespace") func dynamicRefused() throws {
        let host = try TestHost(namespaces: [.pattern("^/dyn-[0-9]+$")])
        host.onConnect = { $0.refuse(message: "no") }
        TestClient(host).say("0/dyn-1,")
        #expect(host.shard.namespace("/dyn-1") == nil)
    }

    @Test("dynamic namespaces are limited in number") func dynamicLimit() throws {
        var options = SocketOptions()
        options.maxDynamicNamespaces = 1
        let host = try TestHost(options, namespaces: [.pattern("^/dyn-[0-9]+$")])
        let client = TestClient(host)
        client.say("0/dyn-1,")
        #expect(client.say("0/dyn-2,") == [#"4/dyn-2,{"message":"Invalid namespace"}"#])
        #expect(host.shard.statistics.limited == 1)
    }

    @Test("after a new table lacks a namespace, its sockets stay and no client can join") func newTable() throws {
        let host = try TestHost()
        let client = TestClient(host)
        client.say("0/public,")
        host.shard.namespaceTable = try NamespaceTable([.name("/"), .name("/later")])
        #expect(TestClient(host).say("0/public,") == [#"4/public,{"message":"Invalid namespace"}"#])
        #expect(TestClient(host).say("0/later,").first?.hasPrefix("0/later,") == true)
        client.say(#"2/public,["a"]"#)
        #expect(host.log.last == "event a []")
    }

    @Test("a namespace keeps the application's userInfo") func userInfo() throws {
        let host = try TestHost()
        let client = host.joined()
        let object = TestClient(host)
        host.sockets[0].namespace.userInfo = object
        client.vanish()
        _ = host.joined()
        #expect(host.sockets[0].namespace.userInfo === object)
        var names: [ByteString] = []
        host.shard.forEachNamespace { names.append($0.name) }
        #expect(names == ["/"])
    }

    @Test("slots are reused with another generation") func slots() throws {
        let host = try TestHost()
        for _ in 0..<100 { host.joined().vanish() }
        #expect(host.shard.slots.count == 1)
        #expect(host.shard.statistics.connectsAccepted == 100)
        #expect(host.shard.statistics.clients == 0)
    }
}
