import PluginHost

/// Alice is here twice; nobody else is.
struct FixedPresence: PresenceSource {
    func isOnline(_ user: String) -> Bool { user == "alice" }
    func connections(of user: String) -> Int { user == "alice" ? 2 : 0 }
    var onlineCount: Int { 1 }
}
