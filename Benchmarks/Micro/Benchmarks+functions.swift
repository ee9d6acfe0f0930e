extension Benchmarks {
    /// An event with two numbers, answered with their sum: by a C function that the host calls through libffi, and by a
    /// handler in C that reads the numbers with `jf_json_api` and writes the ack with `snprintf`.
    static var functions: [Benchmark] {
        guard HostWorld.plugins != nil else { return [] }
        return [
            Benchmark("event.function", "an event of two numbers, answered by a C function through libffi") {
                HostWorld(plugin: "bench-functions").repeating(#"427["function",19.5,22.5]"#, batch: 1)
            },
            Benchmark("event.handler", "the same event, answered by a handler in C") {
                HostWorld(plugin: "bench-functions").repeating(#"427["handler",19.5,22.5]"#, batch: 1)
            },
        ]
    }
}
