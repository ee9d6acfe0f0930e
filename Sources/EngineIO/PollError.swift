/// Why a polling request of a known session is answered 400.
public enum PollError: Sendable, Equatable {
    /// Another one of its kind is under way, or its content cannot be text: 400 without a body, and the session is gone.
    case violation
    /// The session speaks over a WebSocket by now: code 3.
    case upgraded
    /// The session ended meanwhile: code 1.
    case unknown
}
