import EngineIO

/// A session that comes back, with what its client missed.
struct RecoveredSession: Sendable {
    let session: RecoverySession
    let missed: [SharedMessage]
    /// The place in the log up to which `missed` reaches.
    let through: UInt64
}
