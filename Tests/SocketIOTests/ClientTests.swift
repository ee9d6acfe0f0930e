import Support
import Testing

@testable import SocketIO

/// The packets of a connection: which are allowed in which state, and what they do.
@Suite struct ClientTests {
    // MARK: - CONNECT

    @Test("CONNECT is answered with the socket's id and nothing else") func connect() throws {
        let host = try TestHost()
        let client = TestClient(host)
        let answer = client.say("0")
        #expect(answer == [#"0{"sid":"\#(host.sockets[0].id)"}"#])
        #expect(host.sockets[0].id.count == 20)
        #expect(host.sockets[0].id.text != client.session.id.description)
    }

    @Test("the answer to CONNECT is sent separately from events emitted on connect") func connectAlone() throws {
        let host = try TestHost()
        let client = TestClient(host)
        host.onConnected = { socket in socket.emit("auth", "[{}]") }
        #expect(client.say("0").count == 2)
        #expect(client.output.separated == 1)
    }

    @Test("the answer contains the namespace's name and a comma") func connectNamespace() throws {
        let host = try TestHost()
        let client = TestClient(host)
        #expect(client.say("0/public") == [#"0/public,{"sid":"\#(host.sockets[0].id)"}"#])
        #expect(host.sockets[0].namespace.name == "/public")
    }

    @Test(
        "an unknown namespace is refused, and the connection stays",
        arguments: ["/nope", "/PUBLIC", "/public/", "/public?a=b", "/üñí"])
    func unknownNamespace(name: String) throws {
        let host = try TestHost()
        let client = TestClient(host)
        #expect(client.say("0\(name),") == [#"4\#(name),{"message":"Invalid namespace"}"#])
        #expect(!client.isClosed)
        #expect(client.say("0").count == 1)
        #expect(host.shard.statistics.unknownNamespaces == 1)
    }

    @Test("the main namespace need not be declared") func noMain() throws {
        let host = try TestHost(namespaces: [.name("/only")])
        #expect(TestClient(host).say("0") == [#"4{"message":"Invalid namespace"}"#])
    }

    @Test("the auth payload reaches the application unchanged") func auth() throws {
        let host = try TestHost()
        var seen: [String] = []
        host.onConnect = { attempt in
            seen.append("\(attempt.hasAuth) \(String(decoding: attempt.auth, as: UTF8.self)) \(attempt.namespace)")
            attempt.accept()
        }
        TestClient(host).say(#"0{"token":"a b","x":[1]}"#)
        TestClient(host).say("0/public,")
        #expect(seen == [#"true {"token":"a b","x":[1]} /"#, "false {} /public"])
        #expect(String(decoding: host.sockets[0].auth, as: UTF8.self) == #"{"token":"a b","x":[1]}"#)
    }

    @Test("a refusal carries message and data, and the client may try again") func refusal() throws {
        let host = try TestHost()
        host.onConnect = { $0.refuse(message: "no \"entry\"", data: Array(#"{"code":7}"#.utf8)) }
        let client = TestClient(host)
        #expect(client.say("0/public,") == [#"4/public,{"message":"no \"entry\"","data":{"code":7}}"#])
        host.onConnect = { $0.refuse(message: "no") }
        #expect(client.say("0") == [#"4{"message":"no"}"#])
        host.onConnect = { $0.accept() }
        #expect(client.say("0").first?.hasPrefix("0{") == true)
        #expect(host.shard.statistics.connectsRefused == 2)
    }

    @Test("a second CONNECT to one namespace closes the connection") func connectTwice() throws {
        let host = try TestHost()
        let client = host.joined()
        #expect(client.say("0") == ["closed"])
        #expect(host.log.last == "disconnected forced server close")
    }

    @Test("the application sets user, claims and expiry, and the socket joins the user's room") func identity() throws {
        let host = try TestHost()
        host.onConnect = { $0.accept(user: "ann", claims: Array(#"{"sub":"ann"}"#.utf8), expiresAt: 5) }
        _ = host.joined()
        let socket = host.sockets[0]
        #expect(socket.user == "ann")
        #expect(socket.claims == Array(#"{"sub":"ann"}"#.utf8))
        #expect(socket.expiresAt == 5)
        #expect(socket.rooms == [socket.id, "user:ann"])
    }

    @Test("a client that joins no namespace in time is closed") func connectTimeout() throws {
        var options = SocketOptions()
        options.connectTimeout = 1_000
        let host = try TestHost(options)
        let idle = TestClient(host), joined = host.joined(), refused = TestClient(host)
        refused.say("0/nope,")
        host.pass(999)
        #expect(!idle.isClosed)
        host.pass(1)
        #expect(idle.isClosed && refused.isClosed && !joined.isClosed)
        #expect(host.shard.statistics.connectTimeouts == 2)
        #expect(host.shard.statistics.clients == 1)
    }

    @Test("a client that has left all namespaces keeps its connection") func connectTimeoutOnce() throws {
        let host = try TestHost()
        let client = host.joined()
        client.say("1")
        host.pass(100_000_000 / 1_000)
        #expect(host.shard.statistics.connectTimeouts == 0)
    }

    @Test("the number of namespaces of a client is limited") func manyNamespaces() throws {
        var options = SocketOptions()
        options.maxNamespacesPerClient = 2
        let host = try TestHost(options, namespaces: [.pattern("^/n[0-9]$")])
        let client = TestClient(host)
        client.say("0/n1,", "0/n2,")
        #expect(client.say("0/n3,") == [#"4/n3,{"message":"Invalid namespace"}"#])
        client.say("1/n1,")
        #expect(client.say("0/n3,").first?.hasPrefix("0/n3,") == true)
    }

    // MARK: - A pending CONNECT

    @Test("packets sent while a CONNECT is pending are handled after the answer, in order") func held() throws {
        let host = try TestHost()
        var waiting: ConnectAttempt?
        host.onConnect = { waiting = $0 }
        let client = TestClient(host)
        #expect(client.say("0", #"2["a",1]"#, #"51-["b",{"_placeholder":true,"num":0}]"#) == [])
        client.say(binary: [1, 2])
        client.say(#"2["\u0063"]"#)
        #expect(host.log == [])
        waiting?.accept()
        #expect(client.heard().count == 1)
        #expect(host.log == ["connected /", "event a [1]", #"event b [{"_placeholder":true,"num":0}]"#, "event c []"])
    }

    @Test("packets sent to a namespace that then refuses the CONNECT close the connection") func heldRefused() throws {
        let host = try TestHost()
        var waiting: ConnectAttempt?
        host.onConnect = { waiting = $0 }
        let client = TestClient(host)
        client.say("0", #"2["a"]"#)
        waiting?.refuse(message: "no")
        #expect(client.heard() == [#"4{"message":"no"}"#, "closed"])
    }

    @Test(
        "packets held for a pending CONNECT are limited in number and bytes", arguments: [(3, 1_000_000), (1_000, 30)])
    func heldLimit(packets: Int, bytes: Int) throws {
        var options = SocketOptions()
        options.maxHeldPackets = packets
        options.maxHeldBytes = bytes
        let host = try TestHost(options)
        host.onConnect = { _ in }
        let client = TestClient(host)
        client.say("0", #"2["aaaa"]"#, #"2["aaaa"]"#, #"2["aaaa"]"#)
        #expect(!client.isClosed)
        client.say(#"2["aaaa"]"#)
        #expect(client.isClosed)
    }

    @Test("only the first decision about a CONNECT counts") func decidedOnce() throws {
        let host = try TestHost()
        host.onConnect = { attempt in
            attempt.accept()
            attempt.accept()
            attempt.refuse(message: "no")
        }
        #expect(TestClient(host).say("0").count == 1)
        #expect(host.sockets.count == 1)
    }

    @Test("a decision about a client that has disconnected does nothing") func decidedLate() throws {
        let host = try TestHost(namespaces: [.pattern("^/room")])
        var waiting: ConnectAttempt?
        host.onConnect = { waiting = $0 }
        let client = TestClient(host)
        client.say("0/room,")
        client.vanish()
        #expect(waiting?.isPending == false)
        waiting?.accept()
        #expect(host.sockets.isEmpty)
        #expect(host.shard.statistics.sockets == 0)
        #expect(host.shard.namespace("/room") == nil)
    }

    @Test("a second CONNECT while the first waits closes the connection") func connectTwiceWaiting() throws {
        let host = try TestHost()
        host.onConnect = { _ in }
        #expect(TestClient(host).say("0", "0") == ["closed"])
    }

    // MARK: - Events

    @Test("an event reaches the application: name, arguments, ack id") func event() throws {
        let host = try TestHost()
        let client = host.joined()
        var ids: [UInt64?] = []
        host.onEvent = { _, _, _, _, id in ids.append(id) }
        client.say(
            #"2["a"]"#, #"27["b",1,{"c":2}]"#, #"2[5,"x"]"#, #"2["d\u00e9\n\ud83d\ude00" , null]"#, #"2["e" ]"#, "2")
        #expect(
            host.log.dropFirst() == [
                "event a []", #"event b [1,{"c":2}]"#, #"event 5 ["x"]"#, "event dé\n😀 [ null]", "event e []",
            ])
        #expect(ids == [nil, 7, nil, nil, nil])
    }

    @Test("attachments come with the event they belong to") func attachments() throws {
        let host = try TestHost()
        var got: [[UInt8]] = []
        host.onEvent = { _, _, _, attachments, _ in got = attachments }
        let client = host.joined()
        client.say(#"52-["a",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}]"#)
        client.say(binary: [1])
        #expect(got.isEmpty)
        client.say(binary: [])
        #expect(got == [[1], []])
    }

    @Test("a binary event without attachments is handled, and so is the packet after it") func noAttachments() throws {
        let host = try TestHost()
        let client = host.joined()
        client.say(#"50-["a","x"]"#, #"2["b"]"#)
        #expect(host.log.suffix(2) == [#"event a ["x"]"#, "event b []"])
    }

    @Test(
        "a malformed packet closes the connection",
        arguments: [
            "7", "2[", "2[]", #"2["connect"]"#, "1{}", #"511-["a"]"#, "", #"21 2["a"]"#,
        ])
    func badPacket(text: String) throws {
        let host = try TestHost()
        let client = host.joined()
        #expect(client.say(text) == ["closed"])
        #expect(host.log.last == "disconnected forced close")
        #expect(host.shard.statistics.badPackets == 1)
    }

    @Test(
        "a packet that is not allowed now closes the connection",
        arguments: [#"2["a"]"#, "30[]", "1", #"4{"message":"x"}"#, #"2/public,["a"]"#])
    func violation(text: String) throws {
        let host = try TestHost()
        #expect(TestClient(host).say(text) == ["closed"])
    }

    @Test("text instead of an expected attachment closes the connection") func textForAttachment() throws {
        let client = try TestHost().joined()
        client.say(#"52-["a",{"_placeholder":true,"num":0}]"#)
        client.say(binary: [1])
        #expect(client.say(#"2["b"]"#) == ["closed"])
    }

    @Test("an unannounced attachment closes the connection") func strayAttachment() throws {
        let client = try TestHost().joined()
        #expect(client.say(binary: [1]) == ["closed"])
    }

    @Test(
        "a wrong placeholder closes the connection once all attachments have arrived",
        arguments: ["-1", "1", "\"0\"", "0.5", "null", "1e99"])
    func wrongPlaceholder(number: String) throws {
        let client = try TestHost().joined()
        #expect(client.say(#"51-["a",{"_placeholder":true,"num":\#(number)}]"#) == [])
        #expect(client.say(binary: [1]) == ["closed"])
    }

    @Test("the total bytes of a packet's attachments are limited") func attachmentBytes() throws {
        var options = SocketOptions()
        options.maxAttachmentBytes = 4
        let host = try TestHost(options)
        let client = host.joined()
        client.say(#"52-["a"]"#)
        client.say(binary: [1, 2, 3])
        #expect(client.say(binary: [4, 5]) == ["closed"])
    }

    @Test("packets after a malformed one are ignored") func afterTheEnd() throws {
        let host = try TestHost()
        let client = host.joined()
        client.say("7")
        client.say(#"2["a"]"#)
        #expect(!host.log.contains("event a []"))
    }

    // MARK: - Several namespaces

    @Test("a connection has a socket of its own in each namespace") func twoNamespaces() throws {
        let host = try TestHost()
        let client = host.joined()
        client.say("0/public,")
        #expect(host.sockets[0].id != host.sockets[1].id)
        #expect(host.sockets[0].connection == host.sockets[1].connection)
        client.say(#"2/public,["a"]"#)
        client.say("1/public,")
        client.say(#"2["b"]"#)
        #expect(
            host.log.suffix(4) == [
                "event a []", "disconnecting client namespace disconnect 0", "disconnected client namespace disconnect",
                "event b []",
            ])
        #expect(client.say(#"2/public,["a"]"#) == ["closed"])
    }

    @Test("DISCONNECT leaves the namespace, and a new CONNECT creates a new socket") func leaveAndReturn() throws {
        let host = try TestHost()
        let client = host.joined()
        let id = host.sockets[0].id
        #expect(client.say("1") == [])
        #expect(host.sockets.isEmpty)
        client.say("0")
        #expect(host.sockets[0].id != id)
    }

    // MARK: - Disconnecting

    @Test("each way to disconnect has its reason", arguments: DisconnectReason.allCases)
    func reasons(reason: DisconnectReason) throws {
        let host = try TestHost()
        let client = host.joined()
        switch reason {
        case .transportError: client.session.webSocketGone(client.output, reason: .transportError)
        case .transportClose: client.session.webSocketGone(client.output, reason: .transportClose)
        case .forcedClose: client.say("x")
        case .pingTimeout: client.session.webSocketGone(client.output, reason: .pingTimeout)
        case .parseError: client.session.webSocketGone(client.output, reason: .parseError)
        case .serverShuttingDown: client.session.close(.serverShuttingDown)
        case .forcedServerClose: client.say("0")
        case .clientNamespaceDisconnect: client.say("1")
        case .serverNamespaceDisconnect: host.sockets[0].disconnect()
        }
        #expect(host.log.suffix(2) == ["disconnecting \(reason.rawValue) 0", "disconnected \(reason.rawValue)"])
        #expect(host.shard.statistics.sockets == 0)
    }

    @Test("the server can leave one namespace") func serverDisconnect() throws {
        let host = try TestHost()
        let client = host.joined()
        client.say("0/public,")
        host.sockets[1].disconnect()
        #expect(client.heard() == ["1/public,"])
        #expect(!client.isClosed)
        #expect(host.sockets.count == 1)
    }

    @Test("the server can leave all namespaces and close") func serverClose() throws {
        let host = try TestHost()
        let client = host.joined()
        client.say("0/public,")
        host.sockets[1].disconnect(close: true)
        #expect(client.heard() == ["1", "1/public,", "closed"])
        #expect(host.log.suffix(4).filter { $0 == "disconnected server namespace disconnect" }.count == 2)
        #expect(host.shard.statistics.clients == 0)
    }

    @Test("the server can close a connection without DISCONNECT, so that its client reconnects") func closeConnection()
        throws
    {
        let host = try TestHost()
        let client = host.joined()
        client.say("0/public,")
        host.sockets[1].closeConnection()
        #expect(client.heard() == ["closed"])
        #expect(host.log.suffix(4).filter { $0 == "disconnected forced close" }.count == 2)
    }

    @Test("disconnecting is called before the rooms are left, disconnected after") func disconnecting()
        throws
    {
        let host = try TestHost()
        let client = host.joined()
        let socket = host.sockets[0]
        try socket.join("r")
        var rooms: [ByteString] = []
        host.onDisconnecting = { rooms = $0.rooms }
        client.vanish()
        #expect(rooms == [socket.id, "r"])
        #expect(socket.rooms == [])
        #expect(!socket.isConnected)
        #expect(host.shard.socket(socket.handle) == nil)
    }

    @Test("disconnecting within disconnecting does nothing") func disconnectingTwice() throws {
        let host = try TestHost()
        let client = host.joined()
        host.onDisconnecting = {
            $0.disconnect()
            $0.disconnect(close: true)
        }
        client.vanish()
        #expect(host.log.filter { $0.hasPrefix("disconnecting") }.count == 1)
        #expect(host.log.filter { $0.hasPrefix("disconnected") }.count == 1)
    }

    @Test("every call on a disconnected socket is safe and does nothing") func gone() throws {
        let host = try TestHost()
        let client = host.joined()
        let socket = host.sockets[0]
        client.vanish()
        socket.emit("a")
        socket.ack(1, "[]")
        try socket.join("r")
        socket.leave("r")
        socket.disconnect(close: true)
        var answer = ""
        try socket.ask("q") { answer = $0 }
        #expect(answer == "disconnected")
        #expect(host.shard.main?.roomCount == 0)
    }
}
