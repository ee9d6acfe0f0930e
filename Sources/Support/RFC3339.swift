/// Formats times as RFC 3339 in UTC with milliseconds: `2026-11-23T01:15:57.042Z`. The texts sort by time.
public enum RFC3339 {
    /// Formats one time, as 24 characters.
    /// - Parameter milliseconds: since 1970-01-01 UTC. Clamped to the years 0000 to 9999, which the format can express.
    public static func text(milliseconds: Int64) -> String {
        let milliseconds = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
        let (days, inDay) = (floorDivide(milliseconds, 86_400_000), floorRemainder(milliseconds, 86_400_000))
        let (year, month, day) = civil(days)
        return String(unsafeUninitializedCapacity: 24) { text in
            func put(_ value: Int64, _ digits: Int, at index: Int, then separator: Unicode.Scalar) {
                var value = value
                for position in stride(from: index + digits - 1, through: index, by: -1) {
                    text[position] = UInt8(ascii: "0") + UInt8(value % 10)
                    value /= 10
                }
                text[index + digits] = UInt8(ascii: separator)
            }
            put(year, 4, at: 0, then: "-")
            put(month, 2, at: 5, then: "-")
            put(day, 2, at: 8, then: "T")
            put(inDay / 3_600_000, 2, at: 11, then: ":")
            put(inDay / 60_000 % 60, 2, at: 14, then: ":")
            put(inDay / 1000 % 60, 2, at: 17, then: ".")
            put(inDay % 1000, 3, at: 20, then: "Z")
            return 24
        }
    }

    /// Converts days since 1970-01-01 to a Gregorian date; Howard Hinnant's `civil_from_days`.
    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let dayOfYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }

    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : (a - b + 1) / b }
    private static func floorRemainder(_ a: Int64, _ b: Int64) -> Int64 { a - floorDivide(a, b) * b }
}
