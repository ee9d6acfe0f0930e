/// What one test found out about a plugin.
public struct CheckResult: Sendable, Codable, Equatable {
    /// The test's name.
    public let test: String
    public var findings: [CheckFinding]
    /// Why the test did not run; `nil` if it ran.
    public var skipped: String?
    /// How long it took, in milliseconds.
    public var milliseconds: Int

    public init(test: String, findings: [CheckFinding] = [], skipped: String? = nil, milliseconds: Int = 0) {
        self.test = test
        self.findings = findings
        self.skipped = skipped
        self.milliseconds = milliseconds
    }

    public var verdict: Verdict {
        if skipped != nil { return .skipped }
        if findings.contains(where: { $0.severity == .failure }) { return .failed }
        return findings.contains { $0.severity == .warning } ? .warned : .passed
    }

    public enum Verdict: String, Sendable, Codable {
        case passed, failed, warned, skipped
    }
}

/// One sentence or two: what is wrong, where, and what to do.
public struct CheckFinding: Sendable, Codable, Equatable {
    public enum Severity: String, Sendable, Codable {
        /// The plugin breaks a rule of the header.
        case failure
        /// The plugin may do this, and its author should know.
        case warning
        /// For information.
        case note
    }

    public let severity: Severity
    public let text: String

    public init(_ severity: Severity, _ text: String) {
        self.severity = severity
        self.text = text
    }
}

/// What is to be checked, and how.
public struct CheckOptions: Sendable, Codable, Equatable {
    /// The plugin's configuration: JSON, or empty for none.
    public var config = ""
    /// What clients send with CONNECT where they mean to get in: a JSON object. The host of the check takes the user
    /// from its member `user`.
    public var auth = #"{"user":"alice"}"#
    /// Milliseconds that one callback may take.
    public var deadline = 10_000
    /// Whether hosts run the plugin in a worker process of its own, as with `isolation: process`.
    public var isIsolated = false
    /// MiB of memory that the process of a test may use.
    public var memoryLimit = 4_096
    /// Decides what random tests do; the same number repeats them.
    public var seed: UInt64 = 1
    /// How often the plugin is loaded again under traffic.
    public var reloads = 1_000

    public init() {}
}
