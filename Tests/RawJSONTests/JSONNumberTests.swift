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
            ("0", 0), ("7", 7), ("-7", -7), ("9223372036854775807", Int64.max), ("-9223372036854775808", Int64.min), ("9007199254740993", 9_007_199_254_740_993),
        ] as [(String, Int64)])
    func integers(_ text: String, expected: Int64) {
        #expect(number(text) == .integer(expected))
        #expect(number(text)?.int64 == expected)
    }

    @Test(
        "everything else is a double, rounded as in JavaScript",
        arguments: [
            ("1.5", 1.5), ("1e3", 1000), ("-0.0", 0), ("9223372036854775808", 9.223372036854775808e18), ("-9223372036854775809", -9.223372036854775808e18),
            ("0.1", 0.1), ("2.5e-308", 2.5e-308), ("1e400", .infinity), ("-1e400", -.infinity), ("1.7976931348623157e308", 1.7976931348623157e308), ("1e-400", 0),
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

    @Test("a whole number is one however it was written")
    func wholeNumbers() {
        #expect(number("1e3")?.int64 == 1000)
        #expect(number("12.0")?.int64 == 12)
        #expect(number("12.5")?.int64 == nil)
        #expect(number("1e400")?.int64 == nil)
        #expect(number("3")?.double == 3)
    }

    @Test("what is no number is none", arguments: ["", "-", "01", "1 ", " 1", "1.", "NaN", "\"1\"", "true", "1e", "0x1", "+1"])
    func notANumber(_ text: String) {
        #expect(number(text) == nil)
    }
}
