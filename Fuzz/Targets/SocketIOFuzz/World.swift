import EngineIO
import FuzzSupport
import Support

@testable import SocketIO

/// One shard, its clients, and its application.
final class World {
    private let timers = TimerWheel(now: 1_000)
    private let table: SessionTable
    private var options = SocketOptions()
    private(set) var shard: Shard!
    private var application: TestApplication!
    private var clients: [Client] = []
    /// Handles of sockets, some of which may have disconnected.
    private var handles: [SocketHandle] = []
    private var lastPrivateID = "AAAAAAAAAAAAAAAAAAAA"
    private var lastOffset = "0"

    private struct Client {
        let output: FakeWebSocket
        weak var session: Session?
    }

    init?(recovers: Bool) {
        table = SessionTable(options: EngineOptions(), timers: timers, loop: 0)
        options.maxRoomsPerSocket = 40
        options.maxNamespacesPerClient = 3
        options.maxDynamicNamespaces = 2
        options.maxPendingAcks = 3
        options.maxHeldPackets = 2
        if recovers {
            var recovery = RecoveryOptions()
            recovery.maxSessions = 2
            recovery.maxPackets = 8
            recovery.maxMissedBytesPerSession = 500
            options.recovery = RecoveryStore(options: recovery)
        }
        guard let names = try? NamespaceTable([.name("/"), .name("/chat"), .pattern("^/dyn-[0-9]+$")]) else {
            return nil
        }
        application = TestApplication(self)
        shard = Shard(index: 7, timers: timers, options: options, namespaceTable: names, application: application)
    }

    // MARK: - Actions

    func step(_ script: inout ByteScript) {
        switch script.number(below: 16) {
        case 0: open()
        case 1, 2, 3, 4: sendText(&script, text: script.bytes())
        case 5: sendText(&script, text: Self.phrases[script.number(below: Self.phrases.count)])
        case 6: sendBinary(&script)
        case 7: vanish(&script)
        case 8: advance(by: [1, 499, 500, 1_000, 45_000, 130_000][script.number(below: 6)])
        case 9: broadcastSomewhere(&script)
        case 10: application.decideLater(accepting: script.bool())
        case 11: joinMany(&script)
        case 12: recoverSession(&script)
        case 13: useHandle(&script)
        case 14: checkTarget(&script)
        default:
            ParserRules.check(script.bytes())
            ParserRules.checkRoundTrip(
                name: script.bytes(), args: script.bytes(), namespace: script.bool() ? "/chat" : "/",
                ackID: script.bool() ? UInt64(script.byte()) : nil)
        }
        remember()
    }

    /// Packets that mutations would find only after a long time.
    private static let phrases: [[UInt8]] = [
        "0", "0/chat,", "0/dyn-1,", "0/dyn-2,", "0/dyn-3,", "0{\"a\":1}", "0/chat,{}", "1", "1/chat,", "1/dyn-1,",
        #"2["echo",1]"#, #"21["echo","x"]"#, #"2["join","a"]"#, #"2["join","b"]"#, #"2["leave","a"]"#, #"2["ask",1]"#,
        #"2["bye"]"#, #"2["bye","all"]"#,
        #"2["room","a"]"#, #"2["others",1]"#, #"2["kick"]"#, #"2["kick","all"]"#, #"2["poll","a"]"#,
        #"2/chat,["echo"]"#, #"2/chat,["join","a"]"#,
        #"2/chat,["kick","all"]"#, "30[]", "31[1]", "3/chat,0[]", #"51-["echo",{"_placeholder":true,"num":0}]"#,
        #"52-/chat,3["echo",{"_placeholder":true,"num":1},{"num":0,"_placeholder":true}]"#,
        #"61-0[{"_placeholder":true,"num":0}]"#, #"2["ask"]"#,
    ].map { Array($0.utf8) }

    private func open() {
        guard clients.count < 6 else { return }
        let output = FakeWebSocket()
        let session = table.open(
            HandshakeRequest(remoteAddress: "127.0.0.1", secure: false, uri: "/", issued: 0, headers: []), over: output)
        clients.append(Client(output: output, session: session))
        shard.open(session)
    }

    private func sendText(_ script: inout ByteScript, text: [UInt8]) {
        guard let client = pick(&script), let session = client.session, !client.output.isClosed else { return }
        // The WebSocket parser has checked that text is UTF-8.
        let message = [UInt8(ascii: "4")] + Array(String(decoding: text, as: UTF8.self).utf8)
        withExactCopy(of: message) { session.webSocketReceived(text: $0, over: client.output) }
    }

    private func sendBinary(_ script: inout ByteScript) {
        let data = script.bytes()
        guard let client = pick(&script), let session = client.session, !client.output.isClosed else { return }
        withExactCopy(of: data) { session.webSocketReceived(binary: $0, over: client.output) }
    }

    private func vanish(_ script: inout ByteScript) {
        guard let client = pick(&script) else { return }
        client.session?.webSocketGone(
            client.output, reason: [.transportError, .transportClose][script.number(below: 2)])
        clients.removeAll { $0.output === client.output }
    }

    private func pick(_ script: inout ByteScript) -> Client? {
        clients.isEmpty ? nil : clients[script.number(below: clients.count)]
    }

    private func advance(by ms: Int64) {
        timers.advance(to: timers.now + ms)
        options.recovery?.expire(now: timers.now)
        table.tickEnded()
        clients.removeAll { $0.session == nil }
    }

    private func broadcastSomewhere(_ script: inout ByteScript) {
        let flags = EmitFlags(rawValue: .init(script.number(below: 4)))
        let target = anyTarget(&script)
        withBytes("news", Array("[1,\"two\"]".utf8), []) { name, args, attachments in
            _ = shard.deliver(
                Broadcast(
                    name: name, args: args, attachments: attachments, flags: flags, to: target,
                    recovery: options.recovery))
        }
    }

    func broadcast(_ name: String, _ args: [UInt8], _ attachments: [[UInt8]], to target: BroadcastTarget) {
        withBytes(name, args, attachments) { name, args, attachments in
            _ = shard.deliver(
                Broadcast(name: name, args: args, attachments: attachments, to: target, recovery: options.recovery))
        }
    }

    /// Joins more rooms than a socket searches linearly.
    private func joinMany(_ script: inout ByteScript) {
        guard let socket = anySocket(&script) else { return }
        let first = script.number(below: 30)
        for room in first..<first + script.number(below: 30) {
            if script.bool() { socket.leave("\(room)") } else { _ = try? socket.join("\(room)") }
        }
    }

    /// A client reconnects and asks for the recovery of its session.
    private func recoverSession(_ script: inout ByteScript) {
        open()
        guard let client = clients.last, let session = client.session else { return }
        let offset = script.bool() ? #","offset":"\#(lastOffset)""# : ""
        let text = #"40{"pid":"\#(lastPrivateID)"\#(offset)}"#
        withExactCopy(of: text.utf8) { session.webSocketReceived(text: $0, over: client.output) }
    }

    private func useHandle(_ script: inout ByteScript) {
        guard !handles.isEmpty else { return }
        guard let socket = shard.socket(handles[script.number(below: handles.count)]) else { return }
        switch script.number(below: 4) {
        case 0: socket.disconnect(close: false)
        case 1: socket.disconnect(close: true)
        case 2: _ = try? socket.join(socket.id)
        default: socket.emit("poke", "[{}]")
        }
    }

    private func anySocket(_ script: inout ByteScript) -> NamespaceSocket? {
        handles.isEmpty ? nil : shard.socket(handles[script.number(below: handles.count)])
    }

    private func anyTarget(_ script: inout ByteScript) -> BroadcastTarget {
        var names: [ByteString] = ["a", "b", "user:alice", "1", "nobody"]
        if let socket = anySocket(&script) { names.append(socket.id) }
        var target = BroadcastTarget(namespace: ["/", "/chat", "/dyn-1"][script.number(below: 3)])
        for _ in 0..<script.number(below: 4) { target.rooms.append(names[script.number(below: names.count)]) }
        for _ in 0..<script.number(below: 3) { target.except.append(names[script.number(below: names.count)]) }
        if script.bool(), !handles.isEmpty { target.exceptSocket = handles[script.number(below: handles.count)] }
        return target
    }

    private func remember() {
        for handle in application.connected.keys where !handles.contains(handle) && handles.count < 64 {
            handles.append(handle)
        }
        handles.sort()
        for client in clients {
            lastPrivateID = client.output.privateID ?? lastPrivateID
            lastOffset = client.output.offset ?? lastOffset
        }
    }

    // MARK: - Rules

    /// Compares the sockets of a target with those found by checking each socket.
    private func checkTarget(_ script: inout ByteScript) {
        let target = anyTarget(&script)
        let expected = application.connected.values.filter { socket in
            guard socket.isConnected, socket.namespace.name == target.namespace, socket.handle != target.exceptSocket
            else { return false }
            if target.except.contains(where: { socket.isIn($0) }) { return false }
            return target.rooms.isEmpty || target.rooms.contains { socket.isIn($0) }
        }
        var found: ContiguousArray<SocketHandle> = []
        shard.collect(target, into: &found)
        require(found.sorted() == expected.map(\.handle).sorted(), "a target has the sockets that match it, each once")
        require(shard.count(target) == found.count, "count(_:) returns the number of sockets of a target")
    }

    func check() {
        HostRules.check(shard, connected: application.connected)
        require(
            shard.statistics.clients >= 0 && application.answered <= application.asked,
            "every ack callback is called at most once")
    }

    /// Disconnects all clients. Nothing of them must be left.
    func end() {
        for client in clients { client.session?.webSocketGone(client.output, reason: .transportClose) }
        clients = []
        check()
        weak let shard = shard
        for _ in 0..<3 { advance(by: 100_000) }
        require(application.connected.isEmpty, "all sockets are disconnected")
        require(application.asked == application.answered, "every ack callback is called")
        require(
            self.shard.statistics.sockets == 0 && self.shard.statistics.clients == 0,
            "disconnected sockets and clients are not counted")
        require(
            self.shard.statistics.dynamicNamespaces == 0, "a namespace of a pattern is removed with its last socket")
        require(table.count == 0 && timers.count == 0, "no session and no timer is left")
        require(handles.allSatisfy { self.shard.socket($0) == nil }, "no handle names a socket")
        application.forgetAttempts()
        self.shard.forEachNamespace { namespace in
            require(namespace.roomCount == 0 && namespace.count == 0, "no room is left")
        }
        self.shard = nil
        application = nil
        require(shard == nil, "the shard is released")
    }
}
