import Support

/// What a plugin decides about a client that asks to join a namespace.
enum AdmitDecision: Sendable {
    /// `nil`: as the client is.
    case accept(AdmitChanges?)
    /// CONNECT_ERROR; `data` is JSON.
    case refuse(message: String, data: [UInt8]?)
}

/// As whom a client is let in: what is `nil` stays as it is.
struct AdmitChanges: Sendable {
    var user: ByteString?
    /// A JSON object whose members replace those of the same name.
    var claims: [UInt8]?
    /// JSON: the socket's data.
    var data: [UInt8]?
    /// Milliseconds since 1970.
    var expiresAt: Int64?
    var pluginData: PluginData?
}

/// What the hooks leave for a socket that is about to be made, by way of ``SocketIO/ConnectAttempt/userInfo``.
final class AdmittedSocket {
    var data: [UInt8]?
    var pluginData: [(plugin: LoadedPlugin, data: PluginData)] = []

    var isEmpty: Bool { data == nil && pluginData.isEmpty }
}
