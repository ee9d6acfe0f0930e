extension Benchmarks {
    private static let echo: StaticString =
        #"42["echo","0000002a:0000000000000001:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]"#
    private static let ping: StaticString =
        #"427["ping",{"c":42,"s":1,"p":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}]"#
    private static let checked: StaticString =
        #"427["checked",{"c":42,"s":1,"p":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}]"#

    /// The difference from `packet.echo` and `packet.ack` is the cost of the plugin boundary: the dispatch table, the C
    /// handler, the host call. The difference between `event.checked` and `plugin.inline-ack` is the cost of a
    /// contract.
    static var plugins: [Benchmark] {
        guard HostWorld.plugins != nil else { return [] }
        return [
            Benchmark("plugin.inline-echo", "an event echoed by a C plugin, non-blocking") {
                HostWorld(plugin: "bench-inline").repeating(echo, batch: 1)
            },
            Benchmark("plugin.inline-ack", "an event acked by a C plugin, non-blocking") {
                HostWorld(plugin: "bench-inline").repeating(ping, batch: 1)
            },
            Benchmark("event.checked", "the same, with a contract for an object of three fields") {
                HostWorld(plugin: "bench-inline").repeating(checked, batch: 1)
            },
            Benchmark("plugin.strand-echo", "an event echoed on the plugin's strand, one at a time", guardCount: nil) {
                HostWorld(plugin: "bench-strand").repeating(echo, batch: 1)
            },
            Benchmark("plugin.strand-echo-16", "the same, in batches of 16", guardCount: nil) {
                HostWorld(plugin: "bench-strand").repeating(echo, batch: 16)
            },
            Benchmark("plugin.strand-echo-1000", "the same, in batches of 1,000", guardCount: nil) {
                HostWorld(plugin: "bench-strand").repeating(echo, batch: 1000)
            },
        ]
    }
}
