/// The cookie that carries a session's id to load balancers, set by the polling handshake.
public struct CookieOptions: Sendable, Equatable {
    public enum SameSite: String, Sendable {
        case strict = "Strict"
        case lax = "Lax"
        case none = "None"
    }

    public var name = "io"
    public var path: String? = "/"
    public var domain: String?
    /// Seconds.
    public var maxAge: Int?
    public var httpOnly = true
    public var secure = false
    public var sameSite: SameSite? = .lax

    public init() {}

    /// The value of `Set-Cookie` for a session.
    func header(sessionID: String) -> String {
        var header = "\(name)=\(sessionID)"
        if let maxAge { header += "; Max-Age=\(maxAge)" }
        if let domain { header += "; Domain=\(domain)" }
        if let path { header += "; Path=\(path)" }
        if httpOnly { header += "; HttpOnly" }
        if secure { header += "; Secure" }
        if let sameSite { header += "; SameSite=\(sameSite.rawValue)" }
        return header
    }
}
