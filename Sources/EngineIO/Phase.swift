/// The life of a session.
enum Phase: Equatable {
    /// Messages go both ways.
    case open
    /// The server closed it, the receiver knows; what was queued and the close packet wait for the client's next poll.
    case closing
    /// Nothing is left to do; the id is unknown.
    case closed
}
