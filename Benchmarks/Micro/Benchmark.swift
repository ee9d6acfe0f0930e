/// A benchmark of one operation.
struct Benchmark {
    /// `room.join-leave`: the module, then the operation. The key of the guard's thresholds.
    let name: String

    /// A description of the operation, for the table.
    let what: String

    /// The number of operations that the guard runs under valgrind: enough that rare costs (a table that grows) average
    /// out. `nil`: not guarded, because threads interact and the counts differ from run to run.
    let guardCount: Int?

    /// Prepares the benchmark and returns a closure that repeats the operation the given number of times. Called once
    /// for each measurement.
    let prepare: () -> (Int) -> Void

    init(_ name: String, _ what: String, guardCount: Int? = 1000, prepare: @escaping () -> (Int) -> Void) {
        self.name = name
        self.what = what
        self.guardCount = guardCount
        self.prepare = prepare
    }
}
