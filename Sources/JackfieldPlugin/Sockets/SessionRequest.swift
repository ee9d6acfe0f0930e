/// A request that would open a session, on either transport: there is no session, no socket and no user yet. It is the
/// host's and borrowed for the call.
public struct SessionRequest: ~Copyable {
    let raw: UnsafePointer<jf_handshake>
    let reply: UnsafeMutablePointer<jf_handshake_reply>

    /// Path and query, as sent.
    public var url: String { String(raw.pointee.url) }

    /// Of the peer.
    public var address: String { String(raw.pointee.address) }

    public var transport: TransportKind? { TransportKind(raw.pointee.transport) }

    /// Adds a header to the first response of the session, or to every one (`initial_headers` and `headers` of the
    /// reference server). The headers of all hooks together have about 1,000 bytes of each kind; throws ``HostError``
    /// beyond that, and for a line break in one.
    public func addHeader(_ name: String, _ value: String, toEveryResponse: Bool = false) throws(HostError) {
        let code = jf_add_header(reply, toEveryResponse ? 1 : 0, name, value)
        if code != JF_OK {
            throw HostError(
                code: code, call: "add_header",
                words: code == JF_E_SPACE ? "the headers are too long" : "a line break or an empty name")
        }
    }

    /// Whether it came over TLS.
    public var isSecure: Bool { raw.pointee.secure != 0 }

    /// A header, whatever the case of its name; the first of that name.
    public func header(_ name: String) -> String? { pairs.header(name) }

    /// All headers, their names in lower case.
    public var headers: [(name: String, value: String)] { pairs.copies }

    private var pairs: Pairs { Pairs(raw.pointee.headers, raw.pointee.header_count) }
}
