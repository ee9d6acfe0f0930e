/// That somebody was refused something, and why: for counters and the log. It holds no token and
/// no content of a message.
public struct RefusalRecord: Sendable, Equatable {
    /// What was asked for.
    public enum Place: String, Sendable, CaseIterable {
        /// An HTTP request, or the opening of a session or WebSocket.
        case http
        /// The joining of a namespace.
        case connect
        /// An event of a client, which reached no handler.
        case event
        /// An event of a client, whose handler answered with an error.
        case handler
    }

    public var place: Place
    /// One of few words, such as `token_expired`: what is counted.
    public var reason: String
    /// The same in a sentence, as whoever was refused reads it.
    public var detail: String
    /// Of the peer; empty if it is not at hand.
    public var address: String
    /// Whose refusal it is; `nil`: the host's.
    public var plugin: String?

    public init(_ place: Place, reason: String, detail: String = "", address: String = "", plugin: String? = nil) {
        self.place = place
        self.reason = reason
        self.detail = detail
        self.address = address
        self.plugin = plugin
    }
}
