/// One thing wrong with the configuration: where it stands, what is wrong, and what to do about it.
public struct ConfigurationProblem: Sendable, Equatable {
    /// The file as the operator named it, `environment`, or `command line`. `nil` when the fault is
    /// that something is absent.
    public var source: String?
    /// Line in `source`, counted from 1; `nil` outside a file.
    public var line: Int?
    /// Column in `source`, counted from 1 in Unicode scalars; `nil` outside a file.
    public var column: Int?
    /// The way to the setting, such as `plugins[1].isolation`; the name of the variable or flag outside a file.
    public var key: String
    /// What is wrong: a clause without a full stop.
    public var what: String
    /// What to do: a clause without a full stop.
    public var remedy: String

    public init(
        source: String? = nil, line: Int? = nil, column: Int? = nil, key: String, what: String, remedy: String
    ) {
        self.source = source
        self.line = line
        self.column = column
        self.key = key
        self.what = what
        self.remedy = remedy
    }
}

extension ConfigurationProblem: CustomStringConvertible {
    /// `jackfield.yaml:3:7: port: 70000 is out of range: use 0 to 65535`, the form editors and
    /// terminals turn into a link.
    public var description: String {
        var place = source.map { [$0] } ?? []
        if let line { place.append(String(line)) }
        if let column { place.append(String(column)) }
        let parts = [place.joined(separator: ":"), key, what, remedy].filter { !$0.isEmpty }
        return parts.joined(separator: ": ")
    }
}

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
