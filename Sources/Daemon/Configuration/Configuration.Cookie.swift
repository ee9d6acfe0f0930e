extension Configuration {
    /// The cookie of the polling handshake: the Engine.IO session id, for load balancers that route by it.
    public struct Cookie: Sendable, Equatable {
        public var name = "io"
        public var path = "/"
        public var httpOnly = true
        public var sameSite = SameSite.lax
        public var secure = false
        public var domain: String?
        /// Seconds to keep it, as in the `Max-Age` attribute; `nil`: until the browser is closed.
        public var maxAge: Int?

        public init() {}
    }
}

extension Configuration.Cookie: ConfigurationSettings {
    /// When a browser sends the cookie across sites.
    public enum SameSite: String, Sendable, CaseIterable {
        case strict, lax, none
    }

    mutating func read(_ section: ConfigurationSection) {
        section.read("name", into: &name, .token("a cookie name"))
        section.read("path", into: &path, .attribute.and({ $0.hasPrefix("/") }, "this is not a path", "write one like /"))
        section.read("httpOnly", into: &httpOnly, .boolean)
        section.read("sameSite", into: &sameSite, .choice())
        section.read("secure", into: &secure, .boolean)
        section.read("domain", intoOptional: &domain, .attribute)
        section.read("maxAge", intoOptional: &maxAge, .integer(0...Int(Int32.max), "seconds"))
        if sameSite == .none, !secure {
            section.reader.refuse(
                section.path("sameSite"), "browsers refuse a cookie with SameSite=None that is not Secure",
                "add secure: true, or write sameSite: lax")
        }
    }
}

extension ConfigurationRule where Value == String {
    /// A token of RFC 9110, section 5.6.2: what header, cookie and method names are made of.
    static func token(_ what: String) -> Self {
        let marks = "!#$%&'*+-.^_`|~"
        return text.and(
            { $0.allSatisfy { marks.contains($0) || ($0.isASCII && ($0.isLetter || $0.isNumber)) } },
            "this is not \(what)", "use letters, digits and \(marks)")
    }

    /// The value of a cookie attribute: one `;` would begin another attribute, a line break another header.
    fileprivate static var attribute: Self {
        text.and(
            { $0.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ";") } },
            "this cannot stand in a cookie", "use ASCII without semicolons and control characters")
    }
}
