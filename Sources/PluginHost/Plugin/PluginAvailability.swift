/// Whether a plugin that is configured, or loaded, can work.
public struct PluginAvailability: Sendable, Equatable {
    /// The name it gave itself; before that is known, the one of its file.
    public let name: String
    /// Why it cannot, in a sentence that names it; `nil`: it can.
    public let reason: String?
}
