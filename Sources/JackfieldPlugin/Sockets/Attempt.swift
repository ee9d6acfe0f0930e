/// A client that asks to join a namespace. If the host demands a token, it has been verified.
public struct Attempt: Sendable {
    public let namespace: String

    /// What the client's `auth` option sent, `{}` if nothing.
    public let auth: JSON

    /// nil: anonymous.
    public let user: String?

    /// The claims of the token, `{}` if anonymous.
    public let claims: JSON

    /// `{headers, query, url, address, secure, time, issued}`.
    public let handshake: JSON

    /// The same number for all sockets of one client's connection; never used twice.
    public let connection: UInt64

    /// Now: a client that upgrades is `polling` first.
    public let transport: TransportKind?

    init(_ raw: jf_attempt) {
        namespace = String(raw.nsp)
        auth = JSON(unchecked: Array(UnsafeRawBufferPointer(raw.auth)))
        user = .unlessEmpty(raw.user)
        claims = JSON(unchecked: Array(UnsafeRawBufferPointer(raw.claims)))
        handshake = JSON(unchecked: Array(UnsafeRawBufferPointer(raw.handshake)))
        connection = raw.connection
        transport = TransportKind(raw.transport)
    }
}
