/// A path with parameters: `/v1/rooms/{id}/members`. A parameter matches one segment that is not empty.
public struct RoutePath: Sendable, Equatable, CustomStringConvertible {
    public enum Segment: Sendable, Equatable {
        case literal(String)
        case parameter(String)
    }

    public let segments: [Segment]
    public let description: String

    /// Why a text is no path for a route.
    public struct Malformed: Error, Equatable {
        public let problem: String
    }

    /// - Throws: ``Malformed``, which says what to mend.
    public init(_ text: String) throws(Malformed) {
        guard text.hasPrefix("/") else { throw Malformed(problem: "path '\(text)' must begin with '/'") }
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) else {
            throw Malformed(problem: "path '\(text)' must be plain ASCII without spaces, '?' and '#'")
        }
        var segments: [Segment] = []
        var names: Set<String> = []
        for part in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard part.hasPrefix("{") || part.hasSuffix("}") || part.contains("{") else {
                segments.append(.literal(String(part)))
                continue
            }
            let name = String(part.dropFirst().dropLast())
            guard part.hasPrefix("{"), part.hasSuffix("}"), !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte) else {
                throw Malformed(problem: "path '\(text)': '\(part)' must be a whole segment of the form {name}, of letters, digits and '_'")
            }
            guard names.insert(name).inserted else { throw Malformed(problem: "path '\(text)' names {\(name)} twice") }
            segments.append(.parameter(name))
        }
        self.segments = segments
        self.description = text
    }

    /// Whether both match exactly the same paths.
    public func isSameShape(as other: RoutePath) -> Bool {
        segments.count == other.segments.count
            && zip(segments, other.segments).allSatisfy {
                switch ($0, $1) {
                case (.literal(let a), .literal(let b)): a == b
                case (.parameter, .parameter): true
                default: false
                }
            }
    }

    /// The parameters of a request's path, percent-decoded, in order; `nil` if it does not match.
    ///
    /// - Parameter parts: the request's segments as they stand in the URL.
    func match(_ parts: [Substring]) -> [(name: String, value: String)]? {
        guard parts.count == segments.count else { return nil }
        var parameters: [(name: String, value: String)] = []
        for (segment, part) in zip(segments, parts) {
            switch segment {
            case .literal(let text):
                guard part == text || PercentEncoding.decode(part) == text else { return nil }
            case .parameter(let name):
                guard !part.isEmpty, let value = PercentEncoding.decode(part) else { return nil }
                parameters.append((name, value))
            }
        }
        return parameters
    }

    /// Literals go before parameters, from the left: of `/a/{x}` and `/a/b`, the second answers `/a/b`.
    func isMoreSpecific(than other: RoutePath) -> Bool {
        for (mine, theirs) in zip(segments, other.segments) {
            switch (mine, theirs) {
            case (.literal, .parameter): return true
            case (.parameter, .literal): return false
            default: continue
            }
        }
        return false
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26
    }
}
