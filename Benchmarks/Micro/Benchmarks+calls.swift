extension Benchmarks {
    /// The number of calls that one event of `calls.c` makes.
    private static let callsPerEvent = 100

    /// One call of the host through the C table, from a handler on the event loop. (`io.ack` is measured by
    /// `plugin.inline-ack`, because a token can be used only once.)
    static var calls: [Benchmark] {
        guard HostWorld.plugins != nil else { return [] }
        return [
            calling(
                "call.emit", "io.emit to the sender", #"420["emit",{"room":"general","body":"At nine, then."}]"#,
                messages: callsPerEvent),
            calling(
                "call.broadcast", "io.broadcast to all sockets, of which there is one",
                #"420["broadcast",{"room":"general","body":"At nine, then."}]"#, messages: callsPerEvent),
            calling("call.join-leave", "rooms.join and rooms.leave", #"420["join-leave"]"#),
            calling("call.is-online", "presence.is_online", #"420["is-online"]"#),
            calling("call.describe", "sockets.describe: id, namespace and user", #"420["describe"]"#),
            calling(
                "call.read-json", "json.read of one member of the arguments",
                #"420["read-json",{"body":"At nine, then.","room":"general"}]"#),
            calling("call.service", "services.call of an inline method with two numbers", #"420["service"]"#),
            calling("call.pointer", "the same method through its function pointer", #"420["pointer"]"#),
        ]
    }

    /// - Parameter messages: the number of messages that the calls of one event send, without its ack, which is sent if
    ///   all calls succeeded.
    private static func calling(_ name: String, _ what: String, _ event: StaticString, messages: Int = 0) -> Benchmark {
        Benchmark(name, what, guardCount: 10 * callsPerEvent) {
            let repeated = HostWorld(plugin: "bench-calls").repeating(event, batch: 1, answers: messages + 1)
            return { count in repeated((count + callsPerEvent - 1) / callsPerEvent) }
        }
    }
}
