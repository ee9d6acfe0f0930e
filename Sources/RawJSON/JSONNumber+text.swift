extension JSONNumber {
    /// A finite number as `JSON.stringify` writes it: the fewest digits that give the same `Double`, without
    /// exponent from 1e-6 up to 1e21.
    public static func text(of value: Double) -> String {
        precondition(value.isFinite, "JSON has no \(value)")
        // Up to here every whole number has its own Double, and its digits are the fewest.
        if let integer = Int64(exactly: value), integer.magnitude <= 1 << 53 { return String(integer) }
        // Swift chooses the same digits, and writes fractions in the same way unless they need an exponent.
        let description = value.description
        if value != value.rounded(), !description.utf8.contains(UInt8(ascii: "e")) { return description }
        return (value < 0 ? "-" : "") + text(decimal(value.magnitude.description))
    }

    /// The digits, without zeros at either end, and the place of the decimal point among them: 0 is before the first.
    private static func decimal(_ description: String) -> (digits: Substring, point: Int) {
        let parts = description.split(separator: "e")
        let whole = parts[0].prefix { $0 != "." }
        let digits = parts[0].filter { $0 != "." }
        let significant = digits.drop { $0 == "0" }
        let point = whole.count - (digits.count - significant.count) + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        return (significant.prefix(through: significant.lastIndex { $0 != "0" } ?? significant.startIndex), point)
    }

    /// The steps of `Number::toString` in ECMA-262.
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
