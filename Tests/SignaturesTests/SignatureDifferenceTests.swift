import Signatures
import Support
import Testing

@Suite("Difference of signatures")
struct SignatureDifferenceTests {
    @Test(
        "names of functions and parameters make no difference",
        arguments: [
            ("add(a: f64, b: f64) -> f64", "plus(x: f64, f64) -> f64"),
            ("(o: {a: i64, b: string?})", "({a: i64, b: string?})"),
            ("() throws", "f() throws"),
            ("({a: {b: i64, c: i64, ...}[]})", "f(x: {a: {b: i64, c: i64, ...}[]})"),
        ])
    func compatible(_ expected: String, _ provided: String) throws {
        let (expected, provided) = (try Signature(ByteString(expected)), try Signature(ByteString(provided)))
        #expect(provided.difference(from: expected) == nil)
        #expect(expected.difference(from: provided) == nil)
    }

    @Test(
        "the first difference is described with its path",
        arguments: [
            ("(a: f64, b: f64)", "(a: f64, b: i64)", "parameter 2 'b': expected f64, provided i64"),
            ("(f64)", "(x: i64)", "parameter 1 'x': expected f64, provided i64"),
            ("(f64)", "(i64)", "parameter 1: expected f64, provided i64"),
            ("(a: f64)", "(a: f64?)", "parameter 1 'a': expected f64, provided f64?"),
            ("(a: i64?)", "(a: u64?)", "parameter 1 'a': expected i64?, provided u64?"),
            ("(f64)", "()", "expected 1 parameter, provided no parameters"),
            ("(f64)", "(f64, f64?)", "expected 1 parameter, provided 2 parameters"),
            ("() -> f64", "()", "result: expected f64, provided none"),
            ("()", "() -> {a: i64}", "result: expected none, provided {a: i64}"),
            ("() -> f64[]", "() -> i64[]", "result, elements: expected f64, provided i64"),
            ("() throws", "()", "expected a call that 'throws', provided one that cannot fail"),
            ("()", "() throws", "expected a call that cannot fail, provided one that 'throws'"),
            (
                "(options: {limit: i64})", "(o: {limit: i64?})",
                "parameter 1 'options', member 'limit': expected i64, provided i64?"
            ),
            ("({a: i64, b: i64})", "({a: i64})", "parameter 1, member 'b': expected i64, provided none"),
            ("({a: i64})", "({a: i64, b: string?})", "parameter 1, member 'b': expected none, provided string?"),
            ("({a: i64, b: i64})", "({b: i64, a: i64})", "parameter 1: expected 'a' as member 1, provided 'b'"),
            (
                "() -> {x: {a: i64, b: i64, c: i64}[]}", "() -> {x: {a: i64, c: i64, b: i64}[]}",
                "result, member 'x', elements: expected 'b' as member 2, provided 'c'"
            ),
            ("({a: i64})", "({a: i64, ...})", "parameter 1: expected a record without '...', provided one with '...'"),
            (
                "({a: {b: i32}?[]?})", "({a: {b: i64}?[]?})",
                "parameter 1, member 'a', elements, member 'b': expected i32, provided i64"
            ),
        ])
    func differences(_ expected: String, _ provided: String, words: String) throws {
        let (expected, provided) = (try Signature(ByteString(expected)), try Signature(ByteString(provided)))
        #expect(provided.difference(from: expected) == words)
    }

    @Test("a long type is shown with at most 64 bytes")
    func longTypes() throws {
        let record = "{" + (0..<30).map { "field\($0): i64" }.joined(separator: ", ") + "}"
        let (expected, provided) = (try Signature("(i64)"), try Signature(ByteString("(\(record))")))
        let words = try #require(provided.difference(from: expected))
        #expect(words.utf8.count < 120)
        #expect(words.hasSuffix("..."))
    }
}
