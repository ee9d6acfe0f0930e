/// A request for a new session, on either transport. There is no session, socket or user yet. It points to the host's
/// memory, which is valid until the hook returns.
public struct SessionRequest: ~Copyable {
    let raw: UnsafePointer<jf_handshake>
    let reply: UnsafeMutablePointer<jf_handshake_reply>

    /// Path and query, as sent.
    public var url: String { String(raw.pointee.url) }

    /// The IP address of the peer, without port.
    public var address: String { String(raw.pointee.address) }

    public var transport: TransportKind? { TransportKind(raw.pointee.transport) }

    /// Adds a header to the first response of the session, or to every one (`initial_headers` and `headers` of the
    /// reference server). All hooks together have 1,023 bytes of each kind. Throws ``HostError`` if the header does not
    /// fit, its name is empty or has a colon, blank or line break, or its value has a line break.
    public func addHeader(_ name: String, _ value: String, toEveryResponse: Bool = false) throws(HostError) {
        let code = jf_add_header(reply, toEveryResponse ? 1 : 0, name, value)
        if code != JF_OK {
            throw HostError(
                code: code, call: "add_header",
                words: code == JF_E_SPACE
                    ? "the headers are too long" : "an empty name, a colon or blank in the name, or a line break")
        }
    }

    /// Whether it came over TLS.
    public var isSecure: Bool { raw.pointee.secure != 0 }

    /// The first header of this name, in any case.
    public func header(_ name: String) -> String? { pairs.header(name) }

    /// All headers, their names in lower case.
    public var headers: [(name: String, value: String)] { pairs.copies }

    private var pairs: Pairs { Pairs(raw.pointee.headers, raw.pointee.header_count) }
}
