/// The life of a session.
enum SessionPhase: Equatable {
    /// Messages go both ways.
    case open
    /// The server closed it, the receiver knows; what was queued waits for the client's next poll, the close packet for the one after.
    case closing
    /// The client closed it in a POST while no GET waited, and the receiver knows. The two may have been sent together and be on different connections,
    /// so that either may arrive first: the POST's answer is held for ``EngineOptions/closeGracePeriod``, and a GET that comes before it is still served.
    case leaving
    /// Nothing is left to do; the id is unknown.
    case closed
}
