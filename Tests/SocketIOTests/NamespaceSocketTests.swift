import Support
import Testing

@testable import SocketIO

@Suite struct SocketTests {
    // MARK: - Emitting

    @Test("an event is sent as one packet") func emit() throws {
        let host = try TestHost()
        let client = host.joined()
        host.sockets[0].emit("a", #"[1,"x"]"#)
        #expect(client.heard() == [#"2["a",1,"x"]"#])
    }

    @Test("attachments follow their packet") func emitBinary() throws {
        let host = try TestHost()
        let client = host.joined()
        host.sockets[0].emit(
            "a", #"[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#, [[0xAA], [0xBB, 0x0B]])
        #expect(
            client.heard() == [
                #"52-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#, "<bb0b>", "<aa>",
            ])
    }

    @Test("an event whose attachments no placeholder names is sent as a plain event") func emitUnused() throws {
        let host = try TestHost()
        let client = host.joined()
        host.sockets[0].emit("a", "[1]", [[0xAA]])
        #expect(client.heard() == [#"2["a",1]"#])
    }

    @Test("a volatile event is dropped when the transport is busy") func volatile() throws {
        let host = try TestHost()
        let client = host.joined()
        client.output.canSendNow = false
        host.sockets[0].emit("a", flags: .volatile)
        host.sockets[0].emit("b")
        client.output.canSendNow = true
        host.sockets[0].emit("c", flags: .volatile)
        #expect(client.heard() == [#"2["b"]"#, #"2["c"]"#])
    }

    @Test("an ack is sent with the id of its event, binary or not") func ack() throws {
        let host = try TestHost()
        let client = host.joined()
        host.sockets[0].ack(7, "[true]")
        host.sockets[0].ack(8, #"[{"_placeholder":true,"num":0}]"#, [[1]])
        #expect(client.heard() == ["37[true]", #"61-8[{"_placeholder":true,"num":0}]"#, "<01>"])
    }

    // MARK: - Acks of the client

    @Test("a client's ack is delivered once") func answered() throws {
        let host = try TestHost()
        let client = host.joined()
        var answers: [String] = []
        try host.sockets[0].ask("q", "[1]") { answers.append($0) }
        try host.sockets[0].ask("q", "[2]") { answers.append($0) }
        #expect(client.heard() == [#"20["q",1]"#, #"21["q",2]"#])
        client.say(#"31["b"]"#, "30", #"30["again"]"#, "3[]", "399[]")
        #expect(answers == [#"["b"]"#, "[]"])
        host.pass(10_000)
        #expect(answers.count == 2)
        #expect(host.shard.statistics.acksReceived == 2)
        #expect(host.shard.statistics.acksIgnored == 3)
    }

    @Test("an ack may have attachments") func answeredBinary() throws {
        let host = try TestHost()
        let client = host.joined()
        var answers: [String] = []
        try host.sockets[0].ask("q") { answers.append($0) }
        client.say(#"61-0[{"_placeholder":true,"num":0}]"#)
        client.say(binary: [9])
        #expect(answers == [#"[{"_placeholder":true,"num":0}] [9]"#])
    }

    @Test("an ack in another namespace is ignored") func answeredElsewhere() throws {
        let host = try TestHost()
        let client = host.joined()
        client.say("0/public,")
        var answers: [String] = []
        try host.sockets[0].ask("q") { answers.append($0) }
        client.say("3/public,0[1]")
        #expect(answers.isEmpty)
        client.say("30[2]")
        #expect(answers == ["[2]"])
    }

    @Test("a missing ack times out, and is ignored if it comes later") func timedOut() throws {
        let host = try TestHost()
        let client = host.joined()
        var answers: [String] = []
        try host.sockets[0].ask("q", timeout: 50) { answers.append($0) }
        host.pass(49)
        #expect(answers.isEmpty)
        host.pass(2)
        client.say("30[1]")
        #expect(answers == ["timed out"])
        #expect(host.shard.statistics.acksTimedOut == 1)
    }

    @Test("a pending ack of a disconnected socket ends as disconnected") func abandoned() throws {
        let host = try TestHost()
        let client = host.joined()
        var answers: [String] = []
        for _ in 0..<3 { try host.sockets[0].ask("q") { answers.append($0) } }
        client.vanish()
        #expect(answers == ["disconnected", "disconnected", "disconnected"])
        host.pass(10_000)
        #expect(answers.count == 3)
    }

    @Test("the number of pending acks is limited") func pendingAcks() throws {
        var options = SocketOptions()
        options.maxPendingAcks = 1
        let host = try TestHost(options)
        let client = host.joined()
        try host.sockets[0].ask("q") { _ in }
        #expect(throws: LimitError.tooManyPendingAcks(limit: 1)) { try host.sockets[0].ask("q") { _ in } }
        #expect(client.heard() == [#"20["q"]"#])
        #expect(host.shard.statistics.limited == 1)
    }

    // MARK: - Rooms

    @Test("a room is joined once and can be left") func rooms() throws {
        let host = try TestHost()
        _ = host.joined()
        let socket = host.sockets[0]
        try socket.join("a")
        try socket.join("b")
        try socket.join("a")
        try socket.join(socket.id)
        #expect(socket.rooms == [socket.id, "a", "b"])
        #expect(socket.isIn("a") && socket.isIn(socket.id) && !socket.isIn("c"))
        socket.leave("a")
        socket.leave("never joined")
        socket.leave(socket.id)
        #expect(socket.rooms == [socket.id, "b"])
    }

    @Test(
        "rooms with equivalent names are different rooms",
        arguments: [("\u{212A}", "K"), ("caf\u{E9}", "cafe\u{301}"), ("\u{37E}", ";")] as [(ByteString, ByteString)])
    func equivalentRooms(one: ByteString, other: ByteString) throws {
        let host = try TestHost()
        _ = host.joined()
        let socket = host.sockets[0]
        try socket.join(one)
        #expect(socket.isIn(one) && !socket.isIn(other))
        #expect(host.shard.count(BroadcastTarget(rooms: [other])) == 0)
        try socket.join(other)
        socket.leave(one)
        #expect(socket.rooms == [socket.id, other])
    }

    @Test("a room exists from its first member to its last") func emptyRooms() throws {
        let host = try TestHost()
        let client = host.joined()
        _ = host.joined()
        for socket in host.sockets { try socket.join("a") }
        #expect(host.shard.main?.roomCount == 1)
        host.sockets[1].leave("a")
        #expect(host.shard.main?.roomCount == 1)
        client.vanish()
        #expect(host.shard.main?.roomCount == 0)
    }

    @Test("rooms are limited in number, and their names in length") func roomLimits() throws {
        var options = SocketOptions()
        options.maxRoomsPerSocket = 2
        options.maxRoomNameLength = 4
        let host = try TestHost(options)
        _ = host.joined()
        let socket = host.sockets[0]
        try socket.join("a")
        try socket.join("b")
        #expect(throws: LimitError.tooManyRooms(limit: 2)) { try socket.join("c") }
        #expect(throws: LimitError.roomNameTooLong(limit: 4)) { try socket.join("abcde") }
        try socket.join("a")
        #expect(host.shard.main?.roomCount == 2)
    }

    @Test(
        "sockets that join and leave many rooms in any order are always in exactly their rooms", arguments: [1, 2, 3])
    func shuffled(seed: UInt64) throws {
        let host = try TestHost()
        var random = Xorshift(seed: seed)
        let clients = (0..<12).map { _ in host.joined() }
        let sockets = host.sockets
        var model = [Set<ByteString>](repeating: [], count: sockets.count)
        for _ in 0..<4_000 {
            let index = Int(random.next() % 12), room: ByteString = "r\(random.next() % 40)"
            if random.next() % 5 < 3 {
                try sockets[index].join(room)
                model[index].insert(room)
            } else {
                sockets[index].leave(room)
                model[index].remove(room)
            }
        }
        for (socket, rooms) in zip(sockets, model) { #expect(Set(socket.rooms.dropFirst()) == rooms) }
        for room in 0..<40 {
            let members = model.filter { $0.contains("r\(room)") }.count
            #expect(host.shard.count(BroadcastTarget(rooms: ["r\(room)"])) == members)
        }
        for index in [3, 11, 0, 7, 5, 1, 10, 2, 9, 4, 8, 6] { clients[index].vanish() }
        #expect(host.shard.main?.roomCount == 0)
        #expect(host.shard.main?.count == 0)
    }

    // MARK: - Handles

    @Test("a stale handle finds no socket") func handles() throws {
        let host = try TestHost(index: 3)
        let client = host.joined()
        let old = host.sockets[0].handle
        #expect(old.shardIndex == 3)
        #expect(host.shard.socket(old) === host.sockets[0])
        client.vanish()
        _ = host.joined()
        #expect(host.shard.socket(old) == nil)
        #expect(host.sockets[0].handle != old)
        #expect(host.shard.socket(0) == nil)
        #expect(host.shard.socket(.max) == nil)
        #expect(host.shard.socket(id: host.sockets[0].id, in: "/") === host.sockets[0])
        #expect(host.shard.socket(id: host.sockets[0].id, in: "/public") == nil)
    }
}

/// Reproducible random numbers.
struct Xorshift: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed &* 2_685_821_657_736_338_717 | 1
    }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 2_685_821_657_736_338_717
    }
}
