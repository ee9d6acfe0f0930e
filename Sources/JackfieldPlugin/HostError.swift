/// The host refused a call.
public struct HostError: Error, Sendable, CustomStringConvertible {
    /// One of `JF_E_*`.
    public let code: Int32

    /// Interface and function: `events.emit`.
    public let call: String

    /// What the code means, in the host's words.
    public let words: String

    public var description: String { "jf.\(call): \(words) (\(code))" }
}
