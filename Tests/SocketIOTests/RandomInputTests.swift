import Support
import Testing

@testable import SocketIO

/// A short fuzz test: random changes to valid packets.
@Suite struct RandomInputTests {
    private static let seeds = [
        "0", #"0/chat,{"token":"x","pid":"abcdefghijklmnopqrst","offset":"1"}"#, #"0{"pid":"abcdefghijklmnopqrst"}"#,
        "1", "1/chat,",
        #"2["echo",1,{"a":[true,null,-1.5e3,"\u00e9\ud83d\ude00"]}]"#, #"2/chat,12["ack" , "x"]"#, #"30["a"]"#,
        "3/chat,7[]",
        #"52-["echo",{"_placeholder":true,"num":0},[{"num":1,"_placeholder":true}]]"#,
        #"61-3[{"_placeholder":true,"num":0}]"#, "4{}",
        #"2["\u0063onnect"]"#,
    ]

    @Test(
        "random packets are answered or close their client, and do not affect another one",
        arguments: [1, 2, 3, 4])
    func mutations(seed: UInt64) throws {
        var random = Xorshift(seed: seed)
        var options = SocketOptions()
        options.recovery = RecoveryStore()
        let host = try TestHost(options, namespaces: [.name("/"), .pattern("^/c")])
        host.onEvent = { socket, name, args, attachments, id in
            socket.emit(name, args, attachments)
            if let id { socket.ack(id, args, attachments) }
            _ = try? socket.join(ByteString(name))
            try? socket.ask("q") { _ in }
        }
        let neighbour = host.joined()
        var client = host.joined()
        for _ in 0..<10_000 {
            if client.isClosed { client = TestClient(host) }
            if random.next() % 8 == 0 {
                client.say(binary: [UInt8](repeating: 7, count: Int(random.next() % 4)))
            } else {
                var text = Array(Self.seeds[Int(random.next() % UInt64(Self.seeds.count))].utf8)
                for _ in 0..<random.next() % 4 where !text.isEmpty {
                    let place = Int(random.next() % UInt64(text.count))
                    switch random.next() % 3 {
                    case 0: text.remove(at: place)
                    case 1: text[place] = UInt8(random.next() % 0x60 + 0x20)
                    default: text.insert(text[Int(random.next() % UInt64(text.count))], at: place)
                    }
                }
                client.say(String(decoding: text, as: UTF8.self))
            }
        }
        #expect(!neighbour.isClosed)
        #expect(neighbour.heard() == [])
        client.vanish()
        neighbour.vanish()
        #expect(host.shard.statistics.sockets == 0)
        #expect(host.shard.statistics.clients == 0)
        #expect(host.shard.statistics.dynamicNamespaces == 0)
        #expect(host.shard.main?.roomCount == 0)
    }
}
