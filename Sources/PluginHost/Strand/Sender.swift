import SocketIO
import Support

/// Whose callback it is, for fair shares and turns: a user, and one of the user's sockets.
///
/// Both are hashes with a seed of the process, so that nobody on the wire can choose a name that shares somebody else's.
struct Sender: Hashable {
    /// Of the user; of the socket where it has none.
    let user: UInt64
    let socket: UInt64

    init(user: UInt64, socket: UInt64) {
        self.user = user
        self.socket = socket
    }

    /// The sender of an event.
    ///
    /// - Parameter user: its id as bytes; empty for the anonymous.
    init(user: UnsafeRawBufferPointer, socket: SocketHandle) {
        self.socket = socket
        self.user = user.isEmpty ? socket : Self.hash(user)
    }

    init(user: ByteString?, socket: SocketHandle) {
        self = (user ?? "").withBytes { Sender(user: $0, socket: socket) }
    }

    /// The sender of an HTTP request: the user of its token, or else the address it came from.
    init(user: ByteString?, address: String) {
        self.user = (user ?? ByteString(address)).withBytes { Self.hash($0) }
        // A user's requests have one line, beside those of the user's sockets.
        socket = self.user
    }

    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(bytes: bytes)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
