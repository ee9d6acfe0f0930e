/// All benchmarks, by module.
enum Benchmarks {
    static var all: [Benchmark] {
        json + frames + packets + rooms + presence + timers + tokens + http + plugins + functions + calls
    }
}
