/// All of them, by the room of the house.
enum Benchmarks {
    static var all: [Benchmark] { json + packets + rooms + presence + timers + tokens + plugins }
}
