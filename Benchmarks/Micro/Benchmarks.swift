/// All of them, by the room of the house.
enum Benchmarks {
    static var all: [Benchmark] { json + frames + packets + rooms + presence + timers + tokens + http + plugins + calls }
}
