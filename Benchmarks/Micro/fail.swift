/// Ends the program if a benchmark cannot be prepared or has a wrong result. It uses `fatalError`, because
/// `preconditionFailure` prints no text in a release build.
func fail(_ why: String) -> Never {
    fatalError(why)
}
