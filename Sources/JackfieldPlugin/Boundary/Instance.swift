/// What the host hands back as `instance`: the plugin, and the host it was made for.
final class Instance {
    let plugin: any Plugin
    let host: JackfieldHost
    let handshakeHooks: [DeclaredParts.HandshakeHook]

    init(plugin: any Plugin, host: JackfieldHost, handshakeHooks: [DeclaredParts.HandshakeHook]) {
        self.plugin = plugin
        self.host = host
        self.handshakeHooks = handshakeHooks
    }

    /// The instance behind the pointer that `create` stored; nil for a plugin without one.
    static func of(_ pointer: UnsafeMutableRawPointer?) -> Instance? {
        guard let pointer else { return nil }
        return Unmanaged<Instance>.fromOpaque(pointer).takeUnretainedValue()
    }
}
