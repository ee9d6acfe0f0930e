import Support

/// Which sockets a broadcast is for.
public struct BroadcastTarget: Sendable, Hashable {
    /// Sockets are of one namespace.
    public var namespace: ByteString

    /// Sockets that are in any of these rooms, each once. Empty: the whole namespace, unless ``socket`` names one. The id of a socket is a room with
    /// that socket in it.
    public var rooms: [ByteString]

    /// Not the sockets that are in any of these rooms.
    public var except: [ByteString]

    /// Not this socket; 0 excludes none.
    public var exceptSocket: SocketHandle

    /// This socket, too, if it is of the namespace; 0: none.
    public var socket: SocketHandle

    public init(
        namespace: ByteString = "/", rooms: [ByteString] = [], except: [ByteString] = [], exceptSocket: SocketHandle = 0, socket: SocketHandle = 0
    ) {
        self.namespace = namespace
        self.rooms = rooms
        self.except = except
        self.exceptSocket = exceptSocket
        self.socket = socket
    }
}
