/// Who is online. A user is online while at least one connection is his.
public struct Presence: Sendable {
    let host: PluginHost

    /// Stays true through the grace that swallows a page reload.
    public func isOnline(_ user: String) -> Bool {
        withText(user) { host.presenceTable.is_online?(host.pointer, $0) == 1 }
    }

    /// How many connections the user has just now.
    public func connections(_ user: String) -> Int {
        withText(user) { Int(host.presenceTable.connections?(host.pointer, $0) ?? 0) }
    }

    /// How many users are online.
    public var onlineCount: Int { Int(clamping: host.presenceTable.online_count?(host.pointer) ?? 0) }

    /// ``Plugin/presence(_:)`` is called on this user's edges from now on.
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
