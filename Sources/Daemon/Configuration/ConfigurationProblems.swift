/// Everything wrong with a configuration, in the order of the file, so that one run of `--check` is enough to mend it.
public struct ConfigurationProblems: Error, Sendable, Equatable {
    /// Never empty when thrown.
    public let problems: [ConfigurationProblem]

    public init(_ problems: [ConfigurationProblem]) {
        self.problems = problems
    }
}

extension ConfigurationProblems: CustomStringConvertible {
    /// One line for each problem, then their count.
    public var description: String {
        let count = problems.count == 1 ? "1 problem" : "\(problems.count) problems"
        return problems.map { "\($0)\n" }.joined() + "\(count) in the configuration; nothing was started."
    }
}
