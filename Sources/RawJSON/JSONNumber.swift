/// A JSON number, exact if it fits a 64-bit integer.
public enum JSONNumber: Sendable, Hashable {
    /// A number without fraction and exponent, within `Int64`. `-0` is a `double`, because an integer would lose its
    /// sign.
    case integer(Int64)

    /// Any other number, rounded to the nearest `Double` as in JavaScript; infinite beyond its range.
    case double(Double)

    /// Parses a number token without surrounding white space; `nil` if it is not a JSON number.
    public init?(_ token: UnsafeRawBufferPointer) {
        guard let base = token.baseAddress, let first = token.first, first == UInt8(ascii: "-") || first &- 0x30 < 10,
            JSONScanner.scanNumber(base, 0, token.count) == token.count
        else { return nil }
        if let integer = Self.integer(token) {
            self = .integer(integer)
        } else if let double = Double(String(decoding: token, as: UTF8.self)) {
            self = .double(double)
        } else {
            return nil
        }
    }

    /// The value if it is a whole number within `Int64`, in any notation: `1e3` is 1000.
    public var int64: Int64? {
        switch self {
        case .integer(let value): value
        case .double(let value): Int64(exactly: value)
        }
    }

    /// The value, rounded to the nearest `Double`.
    public var double: Double {
        switch self {
        case .integer(let value): Double(value)
        case .double(let value): value
        }
    }

    private static func integer(_ token: UnsafeRawBufferPointer) -> Int64? {
        let isNegative = token[0] == UInt8(ascii: "-")
        var value: Int64 = 0
        for byte in token.dropFirst(isNegative ? 1 : 0) {
            guard byte &- 0x30 < 10 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            // Negative numbers are subtracted from zero, because `Int64.min` has no positive counterpart.
            let digit = Int64(byte &- 0x30)
            let (sum, carry) =
                isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            if overflow || carry { return nil }
            value = sum
        }
        return isNegative && value == 0 ? nil : value
    }
}
