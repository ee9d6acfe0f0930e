extension Benchmarks {
    private static let echo: StaticString =
        #"42["echo","0000002a:0000000000000001:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]"#
    private static let ping: StaticString =
        #"427["ping",{"c":42,"s":1,"p":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}]"#

    /// What these cost above `packet.echo` and `packet.ack` is the price of the header: the dispatch table, the
    /// C handler, the host call.
    static var plugins: [Benchmark] {
        guard HostWorld.plugins != nil else { return [] }
        return [
            Benchmark("plugin.inline-echo", "an event echoed by a C plugin, non-blocking") {
                HostWorld(plugin: "bench-inline").repeating(echo, batch: 1)
            },
            Benchmark("plugin.inline-ack", "an event acked by a C plugin, non-blocking") {
                HostWorld(plugin: "bench-inline").repeating(ping, batch: 1)
            },
            Benchmark("plugin.strand-echo", "an event echoed on the plugin's strand, one at a time", guardCount: nil) {
                HostWorld(plugin: "bench-strand").repeating(echo, batch: 1)
            },
            Benchmark("plugin.strand-echo-16", "the same, 16 handed over at once", guardCount: nil) {
                HostWorld(plugin: "bench-strand").repeating(echo, batch: 16)
            },
            Benchmark("plugin.strand-echo-1000", "the same, 1,000 handed over at once", guardCount: nil) {
                HostWorld(plugin: "bench-strand").repeating(echo, batch: 1000)
            },
        ]
    }
}
