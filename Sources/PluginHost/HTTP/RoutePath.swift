import Glibc
import Support
import Transport

/// A path with parameters: `/v1/rooms/{id}/members`. A parameter matches one segment that is not empty.
public struct RoutePath: Sendable, Equatable, CustomStringConvertible {
    public enum Segment: Sendable, Equatable {
        case literal(ByteString)
        case parameter(ByteString)
    }

    public let segments: [Segment]
    public let description: String
    let parameterCount: Int
    /// The bytes of ``description``, to be compared with a request's path.
    private let text: [UInt8]

    /// Why a text is not a valid path for a route.
    public struct Malformed: Error, Equatable {
        public let problem: String
    }

    /// - Throws: ``Malformed``, which says how to correct the text.
    public init(_ text: String) throws(Malformed) {
        guard text.hasPrefix("/") else { throw Malformed(problem: "path '\(text)' must begin with '/'") }
        guard
            !text.utf8.contains(where: {
                $0 <= 0x20 || $0 >= 0x7F || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#")
            })
        else {
            throw Malformed(problem: "path '\(text)' must be plain ASCII without spaces, '?' and '#'")
        }
        var segments: [Segment] = []
        var names: Set<ByteString> = []
        for part in text.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            guard part.hasPrefix("{") || part.hasSuffix("}") || part.contains("{") else {
                segments.append(.literal(ByteString(String(part))))
                continue
            }
            let name = ByteString(String(part.dropFirst().dropLast()))
            guard part.hasPrefix("{"), part.hasSuffix("}"), !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte) else {
                throw Malformed(
                    problem:
                        "path '\(text)': '\(part)' must be a whole segment of the form {name}, of letters, digits and '_'"
                )
            }
            guard names.insert(name).inserted else { throw Malformed(problem: "path '\(text)' names {\(name)} twice") }
            segments.append(.parameter(name))
        }
        self.segments = segments
        self.description = text
        self.text = Array(text.utf8)
        parameterCount = names.count
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

    /// Whether a request's path matches and its parameters can be decoded.
    ///
    /// - Parameter path: the path in the URL, still encoded.
    func matches(_ path: UnsafeRawBufferPointer) -> Bool {
        text.withUnsafeBytes { text in
            if parameterCount == 0, text.isEqual(to: path) { return true }
            var parts = PathSegments(path)
            for segment in PathSegments(text) {
                guard let part = parts.next() else { return false }
                let isMatch =
                    Self.isParameter(segment)
                    ? Self.isValue(part) : part.isEqual(to: segment) || Self.isEscaped(part, for: segment)
                guard isMatch else { return false }
            }
            return parts.next() == nil
        }
    }

    /// Calls `body` with the name and the still encoded value of each parameter. The path must match.
    func forEachParameter(
        of path: UnsafeRawBufferPointer,
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) {
        guard parameterCount > 0 else { return }
        text.withUnsafeBytes { text in
            for (segment, part) in zip(PathSegments(text), PathSegments(path)) where Self.isParameter(segment) {
                body(UnsafeRawBufferPointer(rebasing: segment.dropFirst().dropLast()), part)
            }
        }
    }

    private static func isParameter(_ segment: UnsafeRawBufferPointer) -> Bool { segment.first == UInt8(ascii: "{") }

    private static func isValue(_ part: UnsafeRawBufferPointer) -> Bool {
        !part.isEmpty && (!PercentEncoding.isEncoded(part, .path) || PercentEncoding.text(part, .path) != nil)
    }

    private static func isEscaped(_ part: UnsafeRawBufferPointer, for literal: UnsafeRawBufferPointer) -> Bool {
        // An escape is three bytes for one: what is longer is not looked at.
        part.count > literal.count && part.count <= literal.count * 3 && PercentEncoding.isEncoded(part, .path)
            && PercentEncoding.text(part, .path)?.isEqual(to: literal) == true
    }

    /// Whether this path is tried before `other`. Literals precede parameters, from the left: for `/a/b`, the route
    /// `/a/b` is used rather than `/a/{x}`.
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

/// The segments of a URL's path, still encoded: the texts after each slash. There is always at least one, which may be
/// empty.
struct PathSegments: Sequence, IteratorProtocol {
    private let path: UnsafeRawBufferPointer
    /// Start of the next segment; beyond the end if there is none.
    private var position = 1

    init(_ path: UnsafeRawBufferPointer) {
        self.path = path
    }

    var count: Int {
        var (count, start) = (1, 1)
        while let slash = slash(from: start) { (count, start) = (count + 1, slash + 1) }
        return count
    }

    mutating func next() -> UnsafeRawBufferPointer? {
        guard position <= Swift.max(path.count, 1) else { return nil }
        let start = Swift.min(position, path.count)
        let end = slash(from: start) ?? path.count
        position = Swift.max(end, 1) + 1
        return UnsafeRawBufferPointer(rebasing: path[start..<end])
    }

    /// Where the first slash at or behind `start` is.
    private func slash(from start: Int) -> Int? {
        guard let base = path.baseAddress, start < path.count else { return nil }
        return memchr(base + start, CInt(UInt8(ascii: "/")), path.count - start).map { UnsafeRawPointer($0) - base }
    }
}
