/// A regular expression taken apart.
indirect enum PatternNode {
    case empty
    case scalar(UInt32)
    /// `.`: any one scalar.
    case any
    case set(PatternSet)
    /// `^`: the beginning of the name.
    case start
    /// `$`: its end.
    case end
    /// One after the other.
    case sequence([PatternNode])
    /// One of these.
    case alternatives([PatternNode])
    /// `most` of `nil` is any number.
    case repetition(PatternNode, least: Int, most: Int?)
}

/// What a bracket expression such as `[^a-z_]` stands for.
struct PatternSet: Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    func contains(_ scalar: UInt32) -> Bool {
        ranges.contains { $0.contains(scalar) } != isNegated
    }
}
