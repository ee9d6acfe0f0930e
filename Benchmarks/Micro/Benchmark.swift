/// One operation, and how to repeat it.
struct Benchmark {
    /// `room.join-leave`: the module, then what is done there. Thresholds of the guard are filed under it.
    let name: String

    /// What one operation is, for the table.
    let what: String

    /// Operations the guard runs under valgrind: enough that what happens once in a while (a table that grows) evens
    /// out. `nil`: not guarded, because threads meet in it and no two runs are alike.
    let guardCount: Int?

    /// Sets the scene, and returns what repeats the operation so many times. Called once for each measurement.
    let prepare: () -> (Int) -> Void

    init(_ name: String, _ what: String, guardCount: Int? = 1000, prepare: @escaping () -> (Int) -> Void) {
        self.name = name
        self.what = what
        self.guardCount = guardCount
        self.prepare = prepare
    }
}
