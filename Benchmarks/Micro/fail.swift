/// Ends the program where a benchmark cannot be made or is broken: there is nobody to hand an error to, and numbers of
/// something else would be worse than none. `fatalError`, because a `preconditionFailure` keeps its text to itself in a
/// release build, which benchmarks are.
func fail(_ why: String) -> Never {
    fatalError(why)
}
