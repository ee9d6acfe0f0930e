/// A problem in the configuration: where it is, what is wrong, and what to do.
public struct ConfigurationProblem: Sendable, Equatable {
    /// The file as the operator named it, `environment`, or `command line`. `nil` if a setting is missing.
    public var source: String?
    /// Line in `source`, counted from 1; `nil` outside a file.
    public var line: Int?
    /// Column in `source`, counted from 1 in Unicode scalars; `nil` outside a file.
    public var column: Int?
    /// The path of the setting, such as `plugins[1].isolation`; outside a file the name of the variable or flag.
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
    /// `jackfield.yaml:3:7: port: 70000 is out of range: use 0 to 65535`, the format that editors and terminals show as
    /// a link.
    public var description: String {
        var place = source.map { [$0] } ?? []
        if let line { place.append(String(line)) }
        if let column { place.append(String(column)) }
        let parts = [place.joined(separator: ":"), key, what, remedy].filter { !$0.isEmpty }
        return parts.joined(separator: ": ")
    }
}

/// All problems of a configuration, in the order of the file, so that one run of `--check` shows everything to correct.
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
