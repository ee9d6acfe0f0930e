import ArgumentParser

/// A span of time as people write it: `90s`, `15m`, `1h30m`, `7d`; a number alone is seconds.
struct TimeToLive: ExpressibleByArgument {
    /// Positive, and at most a hundred years, so that no sum with a time of day overflows.
    let seconds: Int64

    init(seconds: Int64) {
        self.seconds = seconds
    }

    init?(argument: String) {
        guard let seconds = Int64(argument) ?? Self.sum(of: argument), (1...Self.longest).contains(seconds) else { return nil }
        self.seconds = seconds
    }

    /// `1h30m` as 5400; `nil` when it is no series of counts and units, or too long to count.
    private static func sum(of text: String) -> Int64? {
        var total: Int64 = 0
        var digits = ""
        for character in text {
            if character.isASCII, character.isNumber {
                digits.append(character)
                continue
            }
            guard let unit = units[character], let count = Int64(digits), count <= longest else { return nil }
            total += count * unit
            guard total <= longest else { return nil }
            digits = ""
        }
        return digits.isEmpty ? total : nil
    }

    var defaultValueDescription: String {
        let unit = ["d", "h", "m"].first { seconds.isMultiple(of: Self.units[$0] ?? 1) }
        return unit.map { "\(seconds / (Self.units[$0] ?? 1))\($0)" } ?? "\(seconds)s"
    }

    private static let longest: Int64 = 36_525 * 86_400
    private static let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
}
