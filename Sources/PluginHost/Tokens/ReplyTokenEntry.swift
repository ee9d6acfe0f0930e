import SocketIO

/// Who waits for a token in a table.
enum ReplyTokenEntry: Sendable {
    /// A client, for the ack `id`.
    case ack(socket: SocketHandle, id: UInt64)
    /// An HTTP client.
    case reply(PluginReply)
    /// A client that asked to join a namespace, and the hook whose turn it is.
    case decision(AdmitHookChain, stage: Int)
}
