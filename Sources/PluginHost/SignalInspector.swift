/// Keeps what the process does with signals, which plugins share with the host.
public protocol SignalInspector: Sendable {
    /// Looks for changes since the last call, and puts the host's own signals back. Any thread.
    func inspect() -> [SignalChange]
}

/// A signal whose action somebody has changed.
public struct SignalChange: Sendable, Equatable {
    /// `SIGTERM`.
    public let signal: String
    /// Whether it is one of the host's, and as it was again. The others belong to whoever handles them: Go's runtime, for one, needs its own SIGSEGV.
    public let isRestored: Bool

    public init(signal: String, isRestored: Bool) {
        self.signal = signal
        self.isRestored = isRestored
    }
}
