/// What is decided about a client that asks to join a namespace.
public enum ConnectAuthResult: Sendable {
    case accept(ClientIdentity)
    /// CONNECT_ERROR; `data` is JSON.
    case refuse(message: String, data: [UInt8]?)
}
