import CAllocations

#if canImport(Glibc)
    import Glibc
#endif

/// Nanoseconds and allocations per operation of the modules below the transport.
///
///     MicroBenchmarks                 all of them, as a table
///     MicroBenchmarks room.join       those whose names begin with room.join
///     BENCH_PLUGINS=.build/bench …    also those that need the plugins bench-*.so of that folder
///     MicroBenchmarks --guard         each a fixed number of times, for Tests/Guard: prints name, operations,
///                                     allocations and bytes; valgrind counts the instructions
@main
enum MicroBenchmarks {
    static func main() {
        var arguments = Array(CommandLine.arguments.dropFirst())
        let isGuard = arguments.first == "--guard"
        if isGuard { arguments.removeFirst() }
        let chosen = Benchmarks.all.filter { benchmark in
            arguments.isEmpty || arguments.contains { benchmark.name.hasPrefix($0) }
        }
        guard !chosen.isEmpty else {
            print("MicroBenchmarks: no benchmark's name begins with \(arguments.joined(separator: " or ")). There are:")
            for benchmark in Benchmarks.all { print("  \(benchmark.name)") }
            exit(2)
        }
        guard MeasuredRegion.counts else {
            print("MicroBenchmarks: allocations are not counted: something else stands in for malloc")
            exit(1)
        }
        isGuard ? runGuard(chosen) : runTable(chosen)
    }

    private static func runTable(_ chosen: [Benchmark]) {
        print(
            "\(padded("", 26)) \(padded("ns", 9, left: true)) \(padded("allocations", 12, left: true)) \(padded("bytes", 7, left: true))  per"
        )
        for benchmark in chosen {
            let found = Measurement(benchmark)
            print(
                padded(benchmark.name, 26), padded(number(found.nanoseconds, 1), 9, left: true),
                padded(number(found.allocations, 2), 12, left: true), padded(number(found.bytes, 0), 7, left: true),
                " " + benchmark.what)
        }
    }

    /// Prints one line for each benchmark, in the order of the measured regions. The check in `main` was the first
    /// region.
    private static func runGuard(_ chosen: [Benchmark]) {
        for benchmark in chosen {
            guard let count = benchmark.guardCount else { continue }
            let body = benchmark.prepare()
            // A first run, so that costs of the first use (metadata, lazy statics) are not counted.
            body(count)
            let counted = MeasuredRegion.run { body(count) }
            print(benchmark.name, count, counted.allocations, counted.bytes)
        }
    }

    private static func padded(_ text: String, _ width: Int, left: Bool = false) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return left ? space + text : text + space
    }

    private static func number(_ value: Double, _ digits: Int) -> String {
        let scale = [1.0, 10, 100][digits]
        let scaled = Int((value * scale).rounded())
        guard digits > 0 else { return "\(scaled)" }
        let fraction = String(scaled % Int(scale))
        return "\(scaled / Int(scale))." + String(repeating: "0", count: digits - fraction.count) + fraction
    }
}
