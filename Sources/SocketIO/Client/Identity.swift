import Support

/// Who a socket is, as the application said when it let the socket in.
struct Identity {
    var user: ByteString?
    var claims: [UInt8]
    var expiresAt: Int64?
}
