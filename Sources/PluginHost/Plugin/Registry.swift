/// What is loaded. Guarded by the host's lock, changed by its control thread.
struct Registry {
    /// The declarations in force.
    var snapshot: DispatchSnapshot
    /// Events that the daemon handles itself.
    var builtins: [EventRoute] = []
    /// Those that run, or are on their way out, in the order of loading.
    var plugins: [Plugin] = []
    /// Loads so far.
    var generation = 0
    /// Whether the host is stopping: nothing is loaded any more.
    var isClosed = false
}
