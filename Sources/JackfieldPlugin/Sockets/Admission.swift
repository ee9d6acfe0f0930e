/// As whom a client is let in, where a plugin has an authentication of its own. What is nil stays as the token has it.
public struct Admission: Sendable {
    /// 1 to 256 bytes without control characters. Presence, the room `user:<user>` and ``Run/byUser`` follow it.
    public var user: String?

    /// A JSON object, whose members replace those of the same name.
    public var claims: JSON?

    /// The socket's data, as ``Socket/setData(_:)`` sets it; at most 65,536 bytes.
    public var data: JSON?

    /// When the connection is closed, in milliseconds since 1970.
    public var expiresAt: Int64?

    public init(user: String? = nil, claims: JSON? = nil, data: JSON? = nil, expiresAt: Int64? = nil) {
        self.user = user
        self.claims = claims
        self.data = data
        self.expiresAt = expiresAt
    }
}

extension JackfieldHost {
    /// Decides that the client may join. Returns false if it left.
    func accept(_ decision: jf_token, _ admission: Admission?) throws(HostError) -> Bool {
        guard let admission else { return try reached(socketTable.accept?(pointer, decision, nil), "sockets.accept") }
        return try withText(admission.user ?? "") { (user) throws(HostError) in
            try withText(admission.claims?.bytes ?? []) { (claims) throws(HostError) in
                try withText(admission.data?.bytes ?? []) { (data) throws(HostError) in
                    var raw = jf_admission(
                        struct_size: UInt32(MemoryLayout<jf_admission>.size), reserved: 0, user: user, claims: claims, data: data,
                        expires_at: admission.expiresAt ?? 0, plugin_data: nil, free_data: nil)
                    return try reached(socketTable.accept?(pointer, decision, &raw), "sockets.accept")
                }
            }
        }
    }
}
