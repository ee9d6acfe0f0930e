/// What came of marking notifications read.
struct ReadOutcome: Sendable, Equatable {
    /// How many were unread before.
    let updated: Int

    /// How many are unread now.
    let unread: Int

    /// The row, if exactly one was asked for.
    let row: NotificationRow?
}
