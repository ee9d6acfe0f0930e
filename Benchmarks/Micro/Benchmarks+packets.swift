import EngineIO
import SocketIO

extension Benchmarks {
    private static let echo: StaticString =
        #"42["echo","0000002a:0000000000000001:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]"#

    static var packets: [Benchmark] {
        [
            Benchmark("packet.receive", "an event from its frame's bytes to the application, which ignores it") {
                receiving(#"42["chat:said",{"room":"general","body":"See you at nine, then.","reply_to":4711}]"#)
            },
            Benchmark("packet.receive-nsp", "the same in a namespace with a name", guardCount: 1000) {
                let world = World()
                var join = Message("40/chat,")
                world.shard.namespaceTable = (try? NamespaceTable([.name("/"), .name("/chat")])) ?? .main
                join.withFreshBytes { world.sessions[0].webSocketReceived(text: $0, over: world.outputs[0]) }
                precondition(world.sockets.count == 2, "the benchmark's socket did not join /chat")
                return feeding(#"42/chat,["chat:said",{"room":"general","body":"See you at nine, then."}]"#, to: world)
            },
            Benchmark("packet.echo", "an event received and sent back, 64 bytes of payload") { receiving(echo) },
            Benchmark("packet.ack", "an event received and acked, 64 bytes of payload") {
                receiving(
                    #"427["ping",{"c":42,"s":1,"p":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}]"#
                )
            },
            Benchmark("packet.emit", "an event written into a socket's output") {
                let world = World()
                let socket = world.sockets[0]
                let (name, args) = (
                    bytes(of: "message"), bytes(of: #"[{"room":"general","body":"See you at nine, then."}]"#)
                )
                return world.repeating { count in
                    for _ in 0..<count { socket.emit(name: name, args: args) }
                }
            },
            Benchmark("packet.encode-shared", "an event encoded once for many") {
                let (name, args) = (
                    bytes(of: "message"), bytes(of: #"[{"room":"general","body":"See you at nine, then."}]"#)
                )
                return { count in
                    for _ in 0..<count { opaque(PacketEncoder.event(namespace: "/", name: name, args: args)) }
                }
            },
            Benchmark("packet.polling-echo", "an event in a POST, its echo in the GET that waits") {
                let world = World(sockets: 0)
                let poll = MemoryPoll()
                let session = world.connect(polling: poll)
                var message = Message(echo)
                return world.repeating { count in
                    for _ in 0..<count {
                        session.poll(poll)
                        message.withFreshBytes { body in
                            opaque(session.postBegan(session, isBinary: false))
                            opaque(session.posted(session, body: body))
                        }
                        world.table.tickEnded()
                    }
                    precondition(poll.answers >= count, "a benchmark's poll was not answered")
                }
            },
            Benchmark("packet.connect-disconnect", "a session opened, joined to /, and closed", guardCount: 200) {
                let world = World(sockets: 0)
                let output = MemoryWebSocket()
                return world.repeating { count in
                    for _ in 0..<count { world.connect(over: output).abort(.transportClose) }
                    precondition(world.sockets.isEmpty, "a benchmark's socket stayed")
                }
            },
        ]
    }

    private static func receiving(_ text: StaticString) -> (Int) -> Void {
        feeding(text, to: World())
    }

    private static func feeding(_ text: StaticString, to world: World) -> (Int) -> Void {
        var message = Message(text)
        let (session, output) = (world.sessions[0], world.outputs[0])
        return world.repeating { count in
            let before = world.application.events
            for _ in 0..<count {
                message.withFreshBytes { session.webSocketReceived(text: $0, over: output) }
            }
            precondition(world.application.events == before + count, "a benchmark's events did not arrive")
        }
    }
}
