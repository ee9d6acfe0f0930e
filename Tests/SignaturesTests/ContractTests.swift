import RawJSON
import Support
import Testing

@testable import Signatures

@Suite("Contract")
struct ContractTests {
    private func check(
        _ signature: String, _ json: String, attachments: Int = 0, binary: BinaryForm = .attachment
    ) throws -> String? {
        let contract = Contract(try Signature(ByteString(signature)))
        let bytes = Array(json.utf8)
        try #require(JSONScanner.isValid(bytes))
        return bytes.withUnsafeBytes {
            contract.checkArguments($0, attachments: attachments, binary: binary)?.description
        }
    }

    @Test(
        "valid arguments are accepted",
        arguments: [
            ("()", "[]"), ("()", " [ ] "), ("(bool, bool)", "[true, false]"),
            ("({room: string, limit: i64, unread: bool})", #"[{"room":"lobby","limit":20,"unread":true}]"#),
            ("({room: string, limit: i64})", #" [ { "limit" : 20 , "room" : "" } ] "#),
            ("(i64?)", "[]"), ("(i64?)", "[null]"), ("(i64, i64?, json?)", "[1]"),
            ("(json)", "[null]"), ("(json, json)", #"[{"a":[{}]},"x"]"#),
            ("(i64[])", "[[]]"), ("(i64?[])", "[[1,null,2]]"), ("(i64[]?)", "[null]"),
            ("({a: i64?})", "[{}]"), ("({})", "[{}]"), ("({...})", #"[{"a":1,"b":"]}"}]"#),
            ("({a: i64, ...})", #"[{"b":[1,{"a":"x"}],"a":1}]"#),
        ])
    func valid(_ signature: String, json: String) throws {
        #expect(try check(signature, json) == nil)
    }

    @Test(
        "a violation names the argument, the path in it, and what is wrong",
        arguments: [
            ("(room: string, limit: i64)", #"["a","b"]"#, "argument 2 'limit': expected i64, got string"),
            (
                "(options: {limit: i64?})", #"[{"limit":"x"}]"#,
                "argument 1 'options', member 'limit': expected i64?, got string"
            ),
            ("(ids: string[])", #"[["a","b",null]]"#, "argument 1 'ids', element 3: expected string, got null"),
            ("(i64, i64)", "[1,2,3]", "expected 2 arguments, got 3"),
            ("(i64)", "[1,[2,3],4]", "expected 1 argument, got 3"),
            ("()", "[null]", "expected no arguments, got 1"),
            ("(i64?)", "[1,2]", "expected at most 1 argument, got 2"),
            ("({limit: i64?})", #"[{"lmit":1}]"#, "argument 1: unknown member 'lmit'; did you mean 'limit'?"),
            ("({limit: i64?})", #"[{"room":1}]"#, "argument 1: unknown member 'room'"),
            ("(x: i32)", "[3000000000]", "argument 1 'x': 3000000000 is outside i32"),
            ("(x: i32?)", "[3e9]", "argument 1 'x': 3e9 is outside i32"),
            ("(x: i64)", "[1.5]", "argument 1 'x': 1.5 is not a whole number: expected i64"),
            ("(a: f64, b: f64)", "[1]", "argument 2 'b' is missing: expected f64"),
            ("(f64?, b: f64)", "[]", "argument 2 'b' is missing: expected f64"),
            (
                "({a: {b: i64, c: bool}[]})", #"[{"a":[{"b":1,"c":true},{"b":1}]}]"#,
                "argument 1, member 'a', element 2, member 'c' is missing: expected bool"
            ),
            ("({})", #"[{"":1}]"#, "argument 1: unknown member ''"),
            ("(bool)", "[null]", "argument 1: expected bool, got null"),
            ("(bool)", "[0]", "argument 1: expected bool, got number"),
            ("(string)", "[{}]", "argument 1: expected string, got object"),
            ("(i64[])", "[true]", "argument 1: expected i64[], got boolean"),
            ("({a: i64})", "[[]]", "argument 1: expected {a: i64}, got array"),
        ])
    func violations(_ signature: String, json: String, words: String) throws {
        #expect(try check(signature, json) == words)
    }
}
