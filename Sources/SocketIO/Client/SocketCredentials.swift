import Support

/// Who a socket is, as the application said when it let the socket in.
struct SocketCredentials {
    var user: ByteString?
    var claims: [UInt8]
    var expiresAt: Int64?
}
