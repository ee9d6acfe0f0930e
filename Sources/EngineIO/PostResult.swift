/// How a POST of a known session is answered.
public enum PostResult: Sendable, Equatable {
    /// 200, `ok`. The reference answers so even when a packet in it ended the session.
    case ok
    /// As ``ok``, but not yet: ``Session/onceOver(_:)`` tells when.
    case held
    /// 400.
    case refused(PollError)
}
