/// A request that would open a session, on either transport: there is no session, no socket and no user yet. It is the host's
/// and borrowed for the call.
public struct HandshakeRequest: ~Copyable {
    let raw: UnsafePointer<jf_handshake>

    /// Path and query, as sent.
    public var url: String { String(raw.pointee.url) }

    /// Of the peer.
    public var address: String { String(raw.pointee.address) }

    /// Whether it came over TLS.
    public var isSecure: Bool { raw.pointee.secure != 0 }

    /// A header, whatever the case of its name; the first of that name.
    public func header(_ name: String) -> String? { pairs.header(name) }

    /// All headers, their names in lower case.
    public var headers: [(name: String, value: String)] { pairs.copies }

    private var pairs: Pairs { Pairs(raw.pointee.headers, raw.pointee.header_count) }
}
