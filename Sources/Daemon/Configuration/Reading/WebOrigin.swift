/// The origin part of a URL, serialized as RFC 6454 has browsers do it.
struct WebOrigin {
    /// `https://example.com` or `http://localhost:3000`.
    let serialized: String
    /// Whether something, if only a slash, followed the origin.
    let hasPath: Bool

    /// `nil` when the text is no URL with a host.
    init?(_ text: String) {
        guard let separator = text.firstRange(of: "://") else { return nil }
        let scheme = text[..<separator.lowerBound].lowercased()
        guard let first = scheme.first, first.isASCII, first.isLetter,
            scheme.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "+-.".contains($0)) })
        else { return nil }
        let rest = text[separator.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        hasPath = authority.endIndex != rest.endIndex

        var host = authority[...]
        var port: Int?
        // A colon inside the brackets of an IPv6 address is no port's.
        if let colon = authority.lastIndex(of: ":"), !authority[colon...].contains("]") {
            let digits = authority[authority.index(after: colon)...]
            guard let number = Int(digits), (1...65535).contains(number) else { return nil }
            port = number
            host = authority[..<colon]
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"@\\*,\"<>".utf8.contains($0) }) else {
            return nil
        }
        let standard = ["http": 80, "https": 443][scheme]
        let suffix = port.flatMap { $0 == standard ? nil : ":\($0)" } ?? ""
        serialized = "\(scheme)://\(host.lowercased())\(suffix)"
    }
}
