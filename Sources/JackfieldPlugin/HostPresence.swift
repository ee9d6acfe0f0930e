/// The users who are online. A user is online while he has at least one connection. Any thread; never blocks.
public struct HostPresence: Sendable {
    let host: JackfieldHost

    /// Whether the user is online. Stays true for the grace period (`presence.grace`) after the last connection, so
    /// that a page reload is no change.
    public func isOnline(_ user: String) -> Bool {
        withText(user) { user in
            var online: Int32 = 0
            _ = host.presenceTable.is_online?(host.pointer, user, &online)
            return online == 1
        }
    }

    /// How many connections the user has now.
    public func connections(_ user: String) -> Int {
        withText(user) { user in
            var count: UInt64 = 0
            _ = host.presenceTable.connections?(host.pointer, user, &count)
            return Int(clamping: count)
        }
    }

    /// How many users are online.
    public var onlineCount: Int {
        var count: UInt64 = 0
        _ = host.presenceTable.online_count?(host.pointer, &count)
        return Int(clamping: count)
    }

    /// From now on, the host calls ``Plugin/presence(_:)`` for the changes of this user; "": of every user. Throws
    /// ``HostError`` with `JF_E_LIMIT` if 100,000 users or 16 MiB of their ids are watched.
    public func watch(_ user: String) throws {
        try withText(user) { (text) throws(HostError) in
            try host.check(host.presenceTable.watch?(host.pointer, text), "presence.watch")
        }
    }

    public func unwatch(_ user: String) throws {
        try withText(user) { (text) throws(HostError) in
            try host.check(host.presenceTable.unwatch?(host.pointer, text), "presence.unwatch")
        }
    }
}

/// A user has come online (0 to 1 connections) or gone offline (1 to 0, after the grace period).
public struct PresenceEvent: Sendable, Equatable {
    public let user: String
    public let isOnline: Bool

    /// Milliseconds since 1970-01-01 UTC.
    public let at: Int64

    init(_ change: jf_presence_change) {
        user = String(change.user)
        isOnline = change.online != 0
        at = change.at
    }
}
