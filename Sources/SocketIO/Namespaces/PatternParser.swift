import Support

/// Parses a POSIX extended regular expression. Expressions whose meaning the standard leaves undefined are refused.
struct PatternParser {
    /// The most bytes of an expression.
    static let longest = 1024
    /// The most nested groups; the parser recurses once for each.
    private static let deepest = 32
    /// The largest number of a repetition, as in the C library.
    private static let mostRepetitions = 255

    private let scalars: [UInt32]
    private let isTooLong: Bool
    private var at = 0
    private var depth = 0

    init(_ expression: ByteString) {
        isTooLong = expression.count > Self.longest
        scalars = isTooLong ? [] : expression.text.unicodeScalars.map(\.value)
    }

    mutating func parse() throws(PatternError) -> PatternNode {
        guard !isTooLong else { throw PatternError(reason: "it has more than \(Self.longest) bytes") }
        let node = try alternatives()
        // Only a closing parenthesis ends the outermost alternatives before the end of the expression.
        guard at == scalars.count else { throw wrong(at, "this ')' closes no group; write '\\)' for the character") }
        return node
    }

    private mutating func alternatives() throws(PatternError) -> PatternNode {
        var branches = [try sequence()]
        while match("|") { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .alternatives(branches)
    }

    private mutating func sequence() throws(PatternError) -> PatternNode {
        var pieces: [PatternNode] = []
        while let scalar = peek, scalar != Self.scalar("|"), scalar != Self.scalar(")") {
            pieces.append(try piece())
        }
        return pieces.isEmpty ? .empty : pieces.count == 1 ? pieces[0] : .sequence(pieces)
    }

    private mutating func piece() throws(PatternError) -> PatternNode {
        let start = at
        var node = try atom()
        while let repetition = try repetition() {
            guard scalars[start] != Self.scalar("^"), scalars[start] != Self.scalar("$") else {
                throw wrong(start, "an anchor cannot be repeated")
            }
            node = .repetition(node, least: repetition.least, most: repetition.most)
        }
        return node
    }

    private mutating func atom() throws(PatternError) -> PatternNode {
        let start = at
        at += 1
        switch scalars[start] {
        case Self.scalar("."): return .any
        case Self.scalar("^"): return .start
        case Self.scalar("$"): return .end
        case Self.scalar("["): return .set(try set(from: start))
        case Self.scalar("("):
            depth += 1
            guard depth <= Self.deepest else { throw wrong(start, "groups are nested more than \(Self.deepest) deep") }
            let inner = try alternatives()
            guard match(")") else { throw wrong(start, "this '(' is not closed") }
            depth -= 1
            return inner
        case Self.scalar("*"), Self.scalar("+"), Self.scalar("?"), Self.scalar("{"):
            let sign = Self.text(scalars[start])
            throw wrong(start, "there is nothing for '\(sign)' to repeat; write '\\\(sign)' for the character")
        case Self.scalar("\\"): return .scalar(try escaped(from: start))
        case let scalar: return .scalar(scalar)
        }
    }

    private mutating func escaped(from start: Int) throws(PatternError) -> UInt32 {
        guard let scalar = peek else { throw wrong(start, "a '\\' at the end escapes nothing") }
        at += 1
        switch scalar {
        case Self.scalar("1")...Self.scalar("9"):
            throw wrong(
                start, "'\\\(Self.text(scalar))' refers back to a group, which cannot be matched in bounded time")
        case Self.scalar("0"), Self.scalar("a")...Self.scalar("z"), Self.scalar("A")...Self.scalar("Z"),
            Self.scalar("<"), Self.scalar(">"), Self.scalar("`"),
            Self.scalar("'"):
            throw wrong(
                start,
                "'\\\(Self.text(scalar))' means nothing in a POSIX expression; for classes write [[:alnum:]], [[:digit:]], [[:space:]]"
            )
        default: return scalar
        }
    }

    /// Reads a repetition if one begins here.
    private mutating func repetition() throws(PatternError) -> (least: Int, most: Int?)? {
        if match("*") { return (0, nil) }
        if match("+") { return (1, nil) }
        if match("?") { return (0, 1) }
        let start = at
        guard match("{") else { return nil }
        let least = try number(start)
        var most = least
        if match(",") {
            most = try number(start)
        } else if least == nil {
            throw wrong(start, "'{' needs a number; write '\\{' for the character")
        }
        guard match("}") else { throw wrong(start, "this '{' is not closed by '}'; write '\\{' for the character") }
        if let least, let most, least > most { throw wrong(start, "{\(least),\(most)} has its larger number first") }
        return (least ?? 0, most)
    }

    private mutating func number(_ start: Int) throws(PatternError) -> Int? {
        var number: Int?
        while let scalar = peek, (Self.scalar("0")...Self.scalar("9")).contains(scalar) {
            number = (number ?? 0) * 10 + Int(scalar - Self.scalar("0"))
            guard number! <= Self.mostRepetitions else {
                throw wrong(start, "a number of repetitions is at most \(Self.mostRepetitions)")
            }
            at += 1
        }
        return number
    }

    // MARK: Brackets

    private mutating func set(from start: Int) throws(PatternError) -> PatternSet {
        var set = PatternSet()
        set.isNegated = match("^")
        let first = at
        while true {
            guard let scalar = peek else { throw wrong(start, "this '[' is not closed") }
            // A `]` directly after the opening bracket is a member.
            if scalar == Self.scalar("]"), at > first {
                at += 1
                return set
            }
            if scalar == Self.scalar("["), let next = peek(1) {
                if next == Self.scalar(":") {
                    set.ranges += try characterClass(from: at)
                    continue
                }
                guard next != Self.scalar("."), next != Self.scalar("=") else {
                    throw wrong(at, "collating elements and equivalence classes are not supported")
                }
            }
            at += 1
            guard peek == Self.scalar("-"), let last = peek(1), last != Self.scalar("]") else {
                set.ranges.append(scalar...scalar)
                continue
            }
            guard
                !(last == Self.scalar("[") && [Self.scalar(":"), Self.scalar("."), Self.scalar("=")].contains(peek(2)))
            else {
                throw wrong(at - 1, "a range ends with a character")
            }
            guard scalar <= last else {
                throw wrong(at - 1, "the range \(Self.text(scalar))-\(Self.text(last)) runs backwards")
            }
            set.ranges.append(scalar...last)
            at += 2
        }
    }

    private mutating func characterClass(from start: Int) throws(PatternError) -> [ClosedRange<UInt32>] {
        at += 2
        var name = ""
        while let scalar = peek, scalar != Self.scalar(":"), name.utf8.count < 8 {
            name += Self.text(scalar)
            at += 1
        }
        guard match(":"), match("]"),
            let ranges = Self.classes.first(where: { ByteString($0.name) == ByteString(name) })?.ranges
        else {
            throw wrong(
                start,
                "there is no such class; there are \(Self.classes.map { "[:\($0.name):]" }.joined(separator: " "))")
        }
        return ranges
    }

    private static let classes: [(name: String, ranges: [ClosedRange<UInt32>])] = [
        ("alnum", [0x30...0x39, 0x41...0x5A, 0x61...0x7A]), ("alpha", [0x41...0x5A, 0x61...0x7A]),
        ("blank", [0x09...0x09, 0x20...0x20]),
        ("cntrl", [0x00...0x1F, 0x7F...0x7F]), ("digit", [0x30...0x39]), ("graph", [0x21...0x7E]),
        ("lower", [0x61...0x7A]), ("print", [0x20...0x7E]),
        ("punct", [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E]), ("space", [0x09...0x0D, 0x20...0x20]),
        ("upper", [0x41...0x5A]),
        ("xdigit", [0x30...0x39, 0x41...0x46, 0x61...0x66]),
    ]

    // MARK: Scalars

    private var peek: UInt32? { peek(0) }

    private func peek(_ ahead: Int) -> UInt32? { at + ahead < scalars.count ? scalars[at + ahead] : nil }

    private mutating func match(_ scalar: Unicode.Scalar) -> Bool {
        guard peek == scalar.value else { return false }
        at += 1
        return true
    }

    private static func scalar(_ scalar: Unicode.Scalar) -> UInt32 { scalar.value }

    private static func text(_ scalar: UInt32) -> String { Unicode.Scalar(scalar).map { String($0) } ?? "" }

    private func wrong(_ position: Int, _ words: String) -> PatternError {
        PatternError(reason: "character \(position + 1): \(words)")
    }
}

/// The syntax tree of a regular expression.
indirect enum PatternNode {
    case empty
    case scalar(UInt32)
    /// `.`: any one scalar.
    case any
    case set(PatternSet)
    /// `^`: the beginning of the name.
    case start
    /// `$`: the end of the name.
    case end
    /// All of these, in order.
    case sequence([PatternNode])
    /// One of these.
    case alternatives([PatternNode])
    /// `most` of `nil` is unbounded.
    case repetition(PatternNode, least: Int, most: Int?)
}

/// The characters that a bracket expression such as `[^a-z_]` matches.
struct PatternSet: Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    func contains(_ scalar: UInt32) -> Bool {
        ranges.contains { $0.contains(scalar) } != isNegated
    }
}
