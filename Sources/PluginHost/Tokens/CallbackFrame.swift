import SocketIO

/// What a callback under way was handed. Lives on the stack of the thread that runs it.
struct CallbackFrame {
    /// Whose callback it is.
    let plugin: UnsafeRawPointer
    /// The ack it may still give; 0 when there is none, or when it was given or kept.
    var ack: ReplyToken
    let ackID: UInt64
    let socket: SocketHandle
    /// The sender itself, where the callback runs on its loop.
    let sender: Unmanaged<NamespaceSocket>?
    /// The arguments it was handed: passing them on needs no second validation.
    let args: UnsafeRawBufferPointer
}
