import ArgumentParser

extension ExitCode {
    /// The command line itself was wrong.
    static let wrongUse = ExitCode(2)
    /// `EX_CONFIG` of sysexits: what it pointed to was wrong.
    static let badConfiguration = ExitCode(78)
}
