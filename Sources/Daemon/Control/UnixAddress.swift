import Glibc

/// The address of a Unix socket: a path of at most 107 bytes.
struct UnixAddress {
    /// Bytes of the longest path; `sun_path` has one more, for the final zero.
    static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    private var storage = sockaddr_un()

    /// `nil` if the path is empty or too long.
    init?(path: String) {
        guard (1...Self.longestPath).contains(path.utf8.count) else { return nil }
        storage.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &storage.sun_path) { $0.copyBytes(from: path.utf8) }
    }

    /// Calls `bind` or `connect` with the address; 0, or the error's number.
    private func apply(_ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafeBytes(of: storage) { bytes in
            let address = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return call(address, socklen_t(bytes.count)) == 0 ? 0 : errno
        }
    }

    /// - Returns: 0, or the error's number.
    func bind(_ descriptor: Int32) -> Int32 { apply { Glibc.bind(descriptor, $0, $1) } }

    /// - Returns: 0, or the error's number: `ECONNREFUSED` if the file is there and no process listens at it.
    func connect(_ descriptor: Int32) -> Int32 { apply { Glibc.connect(descriptor, $0, $1) } }

    /// A new stream socket that does not block; programs that a plugin starts do not inherit it. -1 if there is none.
    static func socket() -> Int32 {
        Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    }
}

/// The process at the other end of a Unix socket, as the kernel recorded it when it connected or began to listen.
struct UnixPeer {
    let process: Int32
    let user: uid_t

    /// `nil` if the socket is not connected.
    init?(of descriptor: Int32) {
        // `struct ucred`: pid, uid, gid, of 32 bits each.
        var credentials: (pid_t, uid_t, gid_t) = (0, 0, 0)
        var size = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0 else { return nil }
        (process, user, _) = credentials
    }
}
