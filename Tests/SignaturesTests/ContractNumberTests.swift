import RawJSON
import Testing

@testable import Signatures

@Suite("Numbers in a contract")
struct ContractNumberTests {
    @Test(
        "an integer is accepted up to the limits of its type, in any notation",
        arguments: [
            ("i32", "2147483647"), ("i32", "-2147483648"), ("i32", "-0"), ("i32", "0"), ("i32", "2.147483647e9"),
            ("i64", "9223372036854775807"), ("i64", "-9223372036854775808"), ("i64", "9223372036854775807.000"),
            ("i64", "92233720368547758070e-1"), ("i64", "9.223372036854775807E+18"), ("i64", "1e3"), ("i64", "-1.0"),
            ("i64", "10e-1"), ("i64", "0.5e1"), ("i64", "0e400"), ("i64", "0.000e-999999999999999999999"),
            ("i64", "-0.0"),
            ("i64", "9007199254740993"), ("i64", "1e18"), ("i64", "0.0000001e7"),
            ("u32", "4294967295"), ("u32", "-0"), ("u32", "4.294967295e9"),
            ("u64", "18446744073709551615"), ("u64", "18446744073709551615.0"), ("u64", "1.8446744073709551615e19"),
            ("u64", "9223372036854775808"), ("u64", "-0.0"), ("u64", "1e19"),
        ])
    func integers(_ type: String, number: String) throws {
        #expect(try violation(of: "(\(type))", in: "[\(number)]") == nil)
        #expect(try violation(of: "({a: \(type)?}[])", in: #"[[{"a":\#(number)}]]"#) == nil)
    }

    @Test(
        "an integer beyond the limits of its type is refused",
        arguments: [
            ("i32", "2147483648"), ("i32", "-2147483649"), ("i32", "3e9"), ("i32", "9223372036854775808"),
            ("i64", "9223372036854775808"), ("i64", "-9223372036854775809"), ("i64", "1e19"), ("i64", "1e400"),
            ("i64", "18446744073709551616"), ("i64", "99999999999999999999"), ("i64", "1e99999999999999999999"),
            ("i64", "9223372036854775807.9e1"),
            ("u32", "4294967296"), ("u32", "-1"), ("u64", "18446744073709551616"), ("u64", "-1"), ("u64", "1e20"),
            ("u64", "18446744073709551615e1"), ("u64", "100000000000000000000"), ("u64", "-1e0"),
        ])
    func integersOutside(_ type: String, number: String) throws {
        #expect(try violation(of: "(\(type))", in: "[\(number)]") == "argument 1: \(number) is outside \(type)")
    }

    @Test(
        "a number with a fraction is not an integer",
        arguments: ["1.5", "-0.1", "1e-1", "9007199254740992.5", "1e-400", "5e-324", "10e-2", "0.5", "15e-1"])
    func fractions(_ number: String) throws {
        for type in ["i32", "i64", "u32", "u64"] {
            #expect(
                try violation(of: "(\(type))", in: "[\(number)]")
                    == "argument 1: \(number) is not a whole number: expected \(type)")
        }
    }

    @Test(
        "f64 refuses what Double rounds to infinity",
        arguments: [
            "1.7976931348623157e308", "-1.7976931348623157e308", "1.7976931348623158e308", "0.17976931348623157e309",
            "17976931348623157e292", "1e-400", "-0.0", "0e99999", "123456789012345678901234567890", "5e-324",
            "1.7976931348623159e308", "1.797693134862315807e308", "1.797693134862315808e308", "1e309", "-1e309",
            "1e400",
            "9e308", "1e308", "0.0001e312", "0.0001e313", "2e308", "1e9999999999999999999", "10e308",
        ])
    func doubles(_ number: String) throws {
        let isFinite = try #require(Double(number)).isFinite
        #expect(
            try violation(of: "(f64)", in: "[\(number)]") == (isFinite ? nil : "argument 1: \(number) is outside f64"))
    }

    @Test("f64 is exact at the first decimal number that Double rounds to infinity")
    func doubleThreshold() throws {
        let threshold =
            "17976931348623158079372897140530341507993413271003782693617377898044496829276475094664901797758720709633"
            + "0286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270"
            + "0698555713669596228429148198608349364752927190741684443655107043427115596995080930428801779041744977"
        #expect(threshold.utf8.count == 307)
        for (digits, isFinite) in [
            ("91", true), ("92", false), ("93", false), ("91.9999", true), ("92.0", false), ("91e0", true),
        ] {
            let number = threshold + digits
            #expect(Double(number)?.isFinite == isFinite)
            #expect((try violation(of: "(f64)", in: "[\(number)]") == nil) == isFinite)
        }
        let long = String(repeating: "1", count: 308)
        #expect(try violation(of: "(f64)", in: "[\(long).\(String(repeating: "9", count: 100_000))]") == nil)
        #expect(try violation(of: "(f64)", in: "[\(long)1\(long)e-309]") == nil)
        #expect(try violation(of: "(f64)", in: "[\(long)11]") != nil)
    }

    @Test(
        "f32 refuses what Float rounds to infinity, and rounds the rest",
        arguments: [
            "3.4028234663852886e38", "3.4028235e38", "-3.4028235e38", "3.4028235677973362e38", "0.1",
            "3.4028235677973366e38", "3.40282356779733661637e38", "3.4028236e38", "1e39", "-1e39", "1e38", "9e38",
            "1e400",
            "340282346638528859811704183484516925440", "340282356779733661637539395458142568448",
            "340282356779733642748073463979561713663", "340282356779733642748073463979561713664", "1e-60", "16777217",
        ])
    func floats(_ number: String) throws {
        let isFinite = Float(try #require(Double(number))).isFinite
        #expect(
            try violation(of: "(f32)", in: "[\(number)]") == (isFinite ? nil : "argument 1: \(number) is outside f32"))
    }

    @Test("numbers near the limits of Float and Double are judged as these types round them")
    func randomFloats() throws {
        var random = SplitMix(seed: 7)
        for _ in 0..<2000 {
            let digits = (0..<Int.random(in: 1...25, using: &random)).map { _ in
                String(Int.random(in: 0...9, using: &random))
            }
            let exponent = [-1, 0, 36, 37, 38, 39, 305, 306, 307, 308, 309].randomElement(using: &random) ?? 0
            let whole = ["0", "1", "3", "3.40282", "1.79769", "340282"].randomElement(using: &random) ?? "0"
            let number = (whole.contains(".") ? whole : whole + ".") + digits.joined() + "e\(exponent)"
            let value = try #require(Double(number))
            #expect((try violation(of: "(f64)", in: "[\(number)]") == nil) == value.isFinite, "\(number)")
            #expect((try violation(of: "(f32)", in: "[\(number)]") == nil) == Float(value).isFinite, "\(number)")
        }
    }

    @Test("a whole number is exact within 64 bits")
    func wholeNumbers() {
        let read = { (text: String) in Array(text.utf8).withUnsafeBytes { WholeNumber($0) } }
        #expect(read("9223372036854775807").int64 == .max)
        #expect(read("-9223372036854775808").int64 == .min)
        #expect(read("9223372036854775808").int64 == nil)
        #expect(read("-9223372036854775809").int64 == nil)
        #expect(read("18446744073709551615").uint64 == .max)
        #expect(read("1844674407370955161.5e1").uint64 == .max)
        #expect(read("-1").uint64 == nil)
        #expect(read("-0").uint64 == 0)
        #expect(read("-0").int64 == 0)
        #expect(read("9007199254740993.0").int64 == 9_007_199_254_740_993)
        #expect(read("1.5") == .fraction)
        #expect(read("1e30") == .tooLarge)
        #expect(read("1.5").int64 == nil)
    }
}
