import Presence
import Support

/// Who is online, as the plugins ask. Any thread; must not block.
public protocol PresenceSource: Sendable {
    func isOnline(_ user: ByteString) -> Bool
    /// Connections of the user just now.
    func connections(of user: ByteString) -> Int
    /// Users online.
    var onlineCount: Int { get }
}

extension PresenceService: PresenceSource {}
