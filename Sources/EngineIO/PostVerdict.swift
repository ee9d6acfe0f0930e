/// How a POST of a known session is answered.
public enum PostVerdict: Sendable, Equatable {
    /// 200, `ok`. The reference answers so even when a packet in it ended the session.
    case ok
    /// 400.
    case refused(PollRefusal)
}
