import RawJSON
import Testing

@Suite("JSON number")
struct JSONNumberTests {
    private func number(_ text: String) -> JSONNumber? {
        Array(text.utf8).withUnsafeBytes { JSONNumber($0) }
    }

    @Test(
        "integers within 64 bits are exact",
        arguments: [
            ("0", 0), ("7", 7), ("-7", -7), ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min),
            ("9007199254740993", 9_007_199_254_740_993),
        ] as [(String, Int64)])
    func integers(_ text: String, expected: Int64) {
        #expect(number(text) == .integer(expected))
        #expect(number(text)?.int64 == expected)
    }

    @Test(
        "everything else is a double, rounded as in JavaScript",
        arguments: [
            ("1.5", 1.5), ("1e3", 1000), ("-0.0", 0), ("9223372036854775808", 9.223372036854775808e18),
            ("-9223372036854775809", -9.223372036854775808e18),
            ("0.1", 0.1), ("2.5e-308", 2.5e-308), ("1e400", .infinity), ("-1e400", -.infinity),
            ("1.7976931348623157e308", 1.7976931348623157e308), ("1e-400", 0),
        ])
    func doubles(_ text: String, expected: Double) {
        #expect(number(text) == .double(expected))
        #expect(number(text)?.double == expected)
    }

    @Test("minus zero keeps its sign")
    func minusZero() {
        #expect(number("-0")?.double.sign == .minus)
        #expect(number("-0")?.int64 == 0)
    }

    @Test("whole numbers are recognized in every notation")
    func wholeNumbers() {
        #expect(number("1e3")?.int64 == 1000)
        #expect(number("12.0")?.int64 == 12)
        #expect(number("12.5")?.int64 == nil)
        #expect(number("1e400")?.int64 == nil)
        #expect(number("3")?.double == 3)
    }

    @Test(
        "a double is written as JavaScript writes it",
        arguments: [
            (0, "0"), (-0.0, "0"), (1, "1"), (-2, "-2"), (0.1, "0.1"), (-0.25, "-0.25"), (100, "100"),
            (123.456, "123.456"),
            (9_007_199_254_740_991, "9007199254740991"), (9_007_199_254_740_994, "9007199254740994"),
            (4_611_686_018_427_387_904, "4611686018427388000"),
            (-1e18, "-1000000000000000000"), (1.5e20, "150000000000000000000"),
            (123_456_789_012_345_680_000, "123456789012345680000"), (1e21, "1e+21"),
            (1.25e300, "1.25e+300"), (0.0001, "0.0001"), (0.00001, "0.00001"), (0.000_001_5, "0.0000015"),
            (1e-7, "1e-7"), (-1.5e-7, "-1.5e-7"),
            (5e-324, "5e-324"), (.greatestFiniteMagnitude, "1.7976931348623157e+308"),
        ])
    func writing(_ value: Double, expected: String) {
        #expect(JSONNumber.text(of: value) == expected)
    }

    @Test(
        "malformed numbers are refused",
        arguments: ["", "-", "01", "1 ", " 1", "1.", "NaN", "\"1\"", "true", "1e", "0x1", "+1"])
    func notANumber(_ text: String) {
        #expect(number(text) == nil)
    }
}
