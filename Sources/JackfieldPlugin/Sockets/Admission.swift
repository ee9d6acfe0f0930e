/// The user, claims and data with which a client joins, if a plugin authenticates it. Where a property is nil, what the
/// token says stays in force.
public struct Admission: Sendable {
    /// 1 to 256 bytes without control characters. Presence, the room `user:<user>` and ``Run/byUser`` follow it.
    public var user: String?

    /// A JSON object of at most 65,536 bytes; its members replace the token's members of the same name.
    public var claims: JSON?

    /// The socket's data, as ``Socket/setData(_:)`` sets it; at most 65,536 bytes.
    public var data: JSON?

    /// When the connection is closed, in milliseconds since 1970-01-01 UTC.
    public var expiresAt: Int64?

    public init(user: String? = nil, claims: JSON? = nil, data: JSON? = nil, expiresAt: Int64? = nil) {
        self.user = user
        self.claims = claims
        self.data = data
        self.expiresAt = expiresAt
    }
}

extension JackfieldHost {
    /// Decides that the client may join. Returns false if it disconnected.
    func accept(_ decision: jf_token, _ admission: Admission?) throws(HostError) -> Bool {
        guard let admission else { return try reached(socketTable.accept?(pointer, decision, nil), "sockets.accept") }
        return try withText(admission.user ?? "") { (user) throws(HostError) in
            try withText(admission.claims?.bytes ?? []) { (claims) throws(HostError) in
                try withText(admission.data?.bytes ?? []) { (data) throws(HostError) in
                    var raw = jf_admission(
                        struct_size: UInt32(MemoryLayout<jf_admission>.size), reserved: 0, user: user, claims: claims,
                        data: data,
                        expires_at: admission.expiresAt ?? 0, plugin_data: nil, free_data: nil)
                    return try reached(socketTable.accept?(pointer, decision, &raw), "sockets.accept")
                }
            }
        }
    }
}

/// A client that asks to join a namespace. If the host demands a token, it has been verified.
public struct Attempt: Sendable {
    public let namespace: String

    /// The client's `auth` option, a JSON object; `{}` if it has none.
    public let auth: JSON

    /// nil: anonymous.
    public let user: String?

    /// The claims of the token, `{}` if anonymous.
    public let claims: JSON

    /// `{headers, query, url, address, secure, time, issued}`.
    public let handshake: JSON

    /// The same number for all sockets of one client's connection; never used twice.
    public let connection: UInt64

    /// The current transport: a client that upgrades starts with `polling`.
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

/// Refuses a client. Thrown by a `use` or `authenticate` hook, it becomes CONNECT_ERROR `{"message":…,"data":…}`;
/// thrown by an `allowRequest` hook, it becomes the HTTP error `{"code":4,"message":…}`.
public struct Refusal: Error, Sendable {
    /// Cut after 247 bytes.
    public let message: String

    /// At most 1023 bytes of JSON; longer data is left out.
    public let data: JSON?

    public init(_ message: String) {
        self.message = message
        data = nil
    }

    /// `throw try Refusal("unauthorized", data: ["code": "missing_token"])`.
    public init(_ message: String, data: any Encodable) throws {
        self.message = message
        self.data = try JSON(encoding: data)
    }
}

extension Refusal {
    /// Fills `reply` and returns JF_E_DENIED. The message is cut to what fits.
    func write(to reply: UnsafeMutablePointer<jf_handshake_reply>) -> Int32 {
        withUnsafeMutableBytes(of: &reply.pointee.message) { room in
            let text = message.utf8.prefix(room.count - 1)
            room.copyBytes(from: text)
            room[text.count] = 0
        }
        return JF_E_DENIED
    }

    /// Fills `refusal` and returns JF_E_DENIED. A message that is too long is cut; data that is too long is left out.
    func write(to refusal: UnsafeMutablePointer<jf_refusal>?) -> Int32 {
        guard let refusal else { return JF_E_DENIED }
        return jf_refuse(refusal, message, data?.description)
    }
}

/// The decision on an attempt whose token was kept.
struct Decision: Sendable {
    let host: JackfieldHost
    let token: jf_token

    func accept(_ admission: Admission?) throws(HostError) { _ = try host.accept(token, admission) }

    func refuse(_ reason: Refusal) {
        withText(reason.message) { message in
            withText(reason.data?.bytes ?? []) { data in
                _ = host.socketTable.refuse?(host.pointer, token, message, data)
            }
        }
    }

    /// Refuses without a reason.
    func drop() { _ = host.tokens.drop?(host.pointer, token) }
}
