extension JSONNumber {
    /// Formats a finite number as `JSON.stringify` does: the fewest digits that yield the same `Double`, without an
    /// exponent from 1e-6 up to 1e21.
    public static func text(of value: Double) -> String {
        precondition(value.isFinite, "JSON has no \(value)")
        // Up to 2^53, each whole number has its own `Double`, and all its digits are needed.
        if let integer = Int64(exactly: value), integer.magnitude <= 1 << 53 { return String(integer) }
        // Swift chooses the same digits, and the same format for fractions without an exponent.
        let description = value.description
        if value != value.rounded(), !description.utf8.contains(UInt8(ascii: "e")) { return description }
        return (value < 0 ? "-" : "") + text(decimal(value.magnitude.description))
    }

    /// The digits without leading and trailing zeros, and the position of the decimal point: 0 is before the first
    /// digit.
    private static func decimal(_ description: String) -> (digits: Substring, point: Int) {
        let parts = description.split(separator: "e")
        let whole = parts[0].prefix { $0 != "." }
        let digits = parts[0].filter { $0 != "." }
        let significant = digits.drop { $0 == "0" }
        let point = whole.count - (digits.count - significant.count) + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        return (significant.prefix(through: significant.lastIndex { $0 != "0" } ?? significant.startIndex), point)
    }

    /// `Number::toString` of ECMA-262.
    private static func text(_ number: (digits: Substring, point: Int)) -> String {
        let (digits, point) = number
        let zeros = { String(repeating: "0", count: $0) }
        switch point {
        case digits.count...21: return digits + zeros(point - digits.count)
        case 1...21: return "\(digits.prefix(point)).\(digits.dropFirst(point))"
        case -5...0: return "0." + zeros(-point) + digits
        default:
            let exponent = point - 1
            return digits.prefix(1) + (digits.count > 1 ? "." : "") + digits.dropFirst() + (exponent < 0 ? "e-" : "e+")
                + String(abs(exponent))
        }
    }
}
