import JackfieldPlugin

/// What the sender of a notification is told.
struct PushResult: Sendable {
    /// The row, with `delivered`.
    let json: JSON

    /// The answer to an earlier request is repeated; nothing was stored or emitted.
    let isReplay: Bool
}
