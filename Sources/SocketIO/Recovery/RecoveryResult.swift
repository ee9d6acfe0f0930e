/// What became of the wish to have a session back.
enum RecoveryResult {
    case restored(RecoveredSession)
    /// The session's socket is still there: half open, as its client is here.
    case live(SocketHandle)
    /// Unknown, expired, another user's, or no longer complete: the client starts afresh.
    case unknown
}
