/// The two requests a polling session may have under way: one GET that waits for news, one POST whose body is being read.
enum PollState {
    /// Neither.
    case idle
    /// A GET waits. `late`: it came after the probe of an upgrade, so the noop timer answers it, not the probe.
    case waiting(any PollOutput, late: Bool)

    /// The GET, if one waits.
    var output: (any PollOutput)? {
        if case .waiting(let output, _) = self { output } else { nil }
    }

    /// A GET came. false: one waits already, which ends the session.
    mutating func park(_ output: any PollOutput, late: Bool) -> Bool {
        guard case .idle = self else { return false }
        self = .waiting(output, late: late)
        return true
    }

    /// Takes the waiting GET, to answer it.
    mutating func unpark() -> (any PollOutput)? {
        defer { self = .idle }
        return output
    }
}
