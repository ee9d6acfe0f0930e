/// What came of sending a notification.
struct CreatedNotification: Sendable {
    let row: NotificationRow

    /// The user had a connection at the time of the commit.
    let delivered: Bool

    /// The user's unread notifications, this one included. nil: nothing was stored, the answer to an earlier request is repeated.
    let unread: Int?

    var isReplay: Bool { unread == nil }
}
