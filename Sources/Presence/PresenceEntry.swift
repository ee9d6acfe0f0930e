import Support

/// What the table keeps of a user who is connected, leaving, or remembered.
struct PresenceEntry: Sendable {
    var user: ByteString
    var connections = 0
    var isOnline = false

    /// When the last connection ended, in milliseconds since 1970; meaningless while there is one.
    var lastSeen: Int64 = 0

    /// Neighbours in the one list an entry can be in: the leaving, or the offline. -1: none.
    var previous = -1
    var next = -1
    var isLinked = false

    init(user: ByteString) {
        self.user = user
    }
}
