import Presence

/// Who is online, as the plugins ask. Any thread; must not block.
public protocol PresenceSource: Sendable {
    func isOnline(_ user: String) -> Bool
    /// Connections of the user just now.
    func connections(of user: String) -> Int
    /// Users online.
    var onlineCount: Int { get }
}

extension PresenceService: PresenceSource {}
