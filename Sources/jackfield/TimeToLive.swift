import ArgumentParser

/// A span of time as people write it: `90s`, `15m`, `1h30m`, `7d`; a number alone is seconds.
struct TimeToLive: ExpressibleByArgument {
    /// Positive.
    let seconds: Int64

    init(seconds: Int64) {
        self.seconds = seconds
    }

    init?(argument: String) {
        if let seconds = Int64(argument), seconds > 0 {
            self.seconds = seconds
            return
        }
        var total: Int64 = 0
        var digits = ""
        for character in argument {
            if character.isASCII, character.isNumber {
                digits.append(character)
                continue
            }
            guard let unit = Self.units[character], let count = Int64(digits) else { return nil }
            let (product, tooLong) = count.multipliedReportingOverflow(by: unit)
            let (sum, overflow) = total.addingReportingOverflow(product)
            guard !tooLong, !overflow else { return nil }
            total = sum
            digits = ""
        }
        guard digits.isEmpty, total > 0 else { return nil }
        seconds = total
    }

    var defaultValueDescription: String { "\(seconds)s" }

    private static let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
}
