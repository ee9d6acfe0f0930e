import PluginHost
import Support

/// Alice is here twice; nobody else is.
struct FixedPresence: PresenceSource {
    func isOnline(_ user: ByteString) -> Bool { user == "alice" }
    func connections(of user: ByteString) -> Int { user == "alice" ? 2 : 0 }
    var onlineCount: Int { 1 }
}
