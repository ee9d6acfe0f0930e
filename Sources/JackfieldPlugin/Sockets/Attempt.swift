/// A client that asks to join a namespace. Its token, if the host asks for one, has been verified already.
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

    init(_ raw: jf_attempt) {
        namespace = String(raw.nsp)
        auth = JSON(unchecked: Array(UnsafeRawBufferPointer(raw.auth)))
        user = .unlessEmpty(raw.user)
        claims = JSON(unchecked: Array(UnsafeRawBufferPointer(raw.claims)))
        handshake = JSON(unchecked: Array(UnsafeRawBufferPointer(raw.handshake)))
    }
}
