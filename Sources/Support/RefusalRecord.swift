/// A refused request, connection or event, with the reason: for counters and the log. Contains no token, and of a
/// message's content at most the 64 bytes of an argument that a contract's violation repeats.
public struct RefusalRecord: Sendable, Equatable {
    /// What was refused.
    public enum Place: String, Sendable, CaseIterable {
        /// An HTTP request, or opening a session or WebSocket.
        case http
        /// Joining a namespace.
        case connect
        /// A client's event, before it reached a handler.
        case event
        /// A client's event, by an error of its handler.
        case handler
    }

    public var place: Place
    /// A short code, such as `token_expired`; counters are grouped by it.
    public var reason: String
    /// The reason as a sentence, as the refused client receives it; for arguments, the event's name before it.
    public var detail: String
    /// The address of the peer; empty if unknown.
    public var address: String
    /// The plugin that refused; `nil`: the host.
    public var plugin: String?

    public init(_ place: Place, reason: String, detail: String = "", address: String = "", plugin: String? = nil) {
        self.place = place
        self.reason = reason
        self.detail = detail
        self.address = address
        self.plugin = plugin
    }
}
