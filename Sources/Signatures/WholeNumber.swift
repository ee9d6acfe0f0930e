/// A JSON number as an integer: exact, in any notation. `1e3` is 1000, `2.50e1` is 25, `-0` is 0.
///
/// `RawJSON.JSONNumber` rounds what is not within `Int64` to a `Double`, so 18446744073709551615 would not be exact.
public enum WholeNumber: Sendable, Hashable {
    case value(magnitude: UInt64, isNegative: Bool)
    /// The number has a fraction.
    case fraction
    /// The magnitude is above `UInt64.max`.
    case tooLarge

    /// - Parameter token: a number that has passed `JSONScanner`, without surrounding white space. Time: linear.
    public init(_ token: UnsafeRawBufferPointer) {
        let decimal = DecimalToken(token)
        guard let first = decimal.first, let last = decimal.last else {
            self = .value(magnitude: 0, isNegative: false)
            return
        }
        guard decimal.lastWeight >= 0 else {
            self = .fraction
            return
        }
        guard decimal.magnitude <= 20 else {
            self = .tooLarge
            return
        }
        var value: UInt64 = 0
        // At most 20 digits, because the magnitude is at most 20.
        for byte in token[first...last] where byte != UInt8(ascii: ".") {
            guard let sum = Self.append(UInt64(byte &- 0x30), to: value) else {
                self = .tooLarge
                return
            }
            value = sum
        }
        for _ in 0..<decimal.lastWeight {
            guard let product = Self.append(0, to: value) else {
                self = .tooLarge
                return
            }
            value = product
        }
        self = .value(magnitude: value, isNegative: token[0] == UInt8(ascii: "-"))
    }

    /// The value if it is within `Int64`.
    public var int64: Int64? {
        guard case .value(let magnitude, let isNegative) = self else { return nil }
        if isNegative { return magnitude <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- magnitude) : nil }
        return Int64(exactly: magnitude)
    }

    /// The value if it is within `UInt64`.
    public var uint64: UInt64? {
        guard case .value(let magnitude, false) = self else { return nil }
        return magnitude
    }

    private static func append(_ digit: UInt64, to value: UInt64) -> UInt64? {
        let (product, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = product.addingReportingOverflow(digit)
        return overflow || carry ? nil : sum
    }
}

/// The significant digits of a JSON number and their weights, found in one scan.
struct DecimalToken {
    /// The offset of the first digit that is not zero; `nil` if the number is zero.
    private(set) var first: Int?

    /// The offset of the last digit that is not zero.
    private(set) var last: Int?

    /// The number is 0.d₁d₂… × 10^magnitude, with d₁ not zero.
    private(set) var magnitude = 0

    /// The last digit that is not zero counts 10^lastWeight.
    private(set) var lastWeight = 0

    private let token: UnsafeRawBufferPointer

    /// An exponent beyond this counts as this. It exceeds the length of every text, so the sums keep their signs.
    private static let largestExponent = 1 << 48

    /// - Parameter token: a number that has passed `JSONScanner`.
    init(_ token: UnsafeRawBufferPointer) {
        self.token = token
        var point: Int?
        var at = 0
        scan: while at < token.count {
            switch token[at] {
            case UInt8(ascii: "1")...UInt8(ascii: "9"):
                if first == nil { first = at }
                last = at
            case UInt8(ascii: "."): point = at
            case UInt8(ascii: "e"), UInt8(ascii: "E"): break scan
            default: break
            }
            at += 1
        }
        guard let first, let last else { return }
        let exponent = Self.exponent(token, from: at)
        let units = point ?? at
        magnitude = exponent + (first < units ? units - first : units + 1 - first)
        lastWeight = exponent + (last < units ? units - 1 - last : units - last)
    }

    /// Whether the number's magnitude is at least that of the integer with these digits, of which the last is not zero
    /// or does not matter.
    func isAtLeast(_ integer: StaticString) -> Bool {
        guard let first, let last else { return false }
        let count = integer.utf8CodeUnitCount
        guard magnitude == count else { return magnitude > count }
        var index = 0
        for byte in token[first...last] where byte != UInt8(ascii: ".") {
            guard index < count else { return true }
            let digit = integer.utf8Start[index]
            guard byte == digit else { return byte > digit }
            index += 1
        }
        return index == count
    }

    /// The exponent that begins at `start` with its `e`; 0 if there is none.
    private static func exponent(_ token: UnsafeRawBufferPointer, from start: Int) -> Int {
        var value = 0
        for byte in token.dropFirst(start) where byte &- 0x30 < 10 {
            value = min(value * 10 + Int(byte & 0x0F), largestExponent)
        }
        return start + 1 < token.count && token[start + 1] == UInt8(ascii: "-") ? -value : value
    }
}
