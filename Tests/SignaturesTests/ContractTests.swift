import RawJSON
import Support
import Testing

@testable import Signatures

@Suite("Contract")
struct ContractTests {
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
        #expect(try violation(of: signature, in: json) == nil)
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
        #expect(try violation(of: signature, in: json) == words)
    }

    @Test(
        "a result is checked as a value",
        arguments: [
            ("() -> i64", "7", nil), ("() -> i64", " 7 ", nil), ("() -> i64?", "null", nil), ("() -> i64?", "", nil),
            ("()", "", nil), ("()", "null", nil), ("() throws", " ", nil), ("() -> json", "null", nil),
            ("()", "7", "result: expected none"),
            ("() -> i64", "", "result is missing: expected i64"),
            ("() -> i64", "null", "result: expected i64, got null"),
            ("(bool) -> {a: i64[]}", #"{"a":[1,"x"]}"#, "result, member 'a', element 2: expected i64, got string"),
            (
                "() -> bytes", #"{"_placeholder":true,"num":0}"#,
                "result: the message has no such attachment: expected bytes"
            ),
        ] as [(String, String, String?)])
    func results(_ signature: String, json: String, words: String?) throws {
        let contract = Contract(try Signature(ByteString(signature)))
        let found = Array(json.utf8).withUnsafeBytes { contract.checkResult($0)?.description }
        #expect(found == words)
    }

    @Test("a violation has the index of its argument")
    func argumentIndex() throws {
        let contract = Contract(try Signature("(i64, f64)"))
        let argument = { (json: String) in
            Array(json.utf8).withUnsafeBytes {
                contract.checkArguments($0, attachments: 0, binary: .attachment)?.argument
            }
        }
        #expect(argument(#"[1,"x"]"#) == 1)
        #expect(argument("[1]") == 1)
        #expect(argument("[1,2,3]") == nil)
    }

    @Test("bytes that are not JSON, or not an array, do no harm")
    func notJSON() throws {
        let contract = Contract(try Signature("({abc: i64, b: bytes, c: cstring, d: json[]}, f64, bool)"))
        let text = Array(#"[{"abc":1,"b":{"_placeholder":true,"num":0},"c":"\u0061","d":[[{}]]},1e3,true]"#.utf8)
        for count in 0...text.count {
            let part = Array(text[..<count])
            part.withUnsafeBytes { _ = contract.checkArguments($0, attachments: 1, binary: .attachment) }
            part.withUnsafeBytes { _ = contract.checkResult($0) }
            guard count > 0 else { continue }
            for byte in Array("\"\\{}[],:0tfn".utf8) {
                let changed = part.dropLast() + [byte]
                changed.withUnsafeBytes { _ = contract.checkArguments($0, attachments: 1, binary: .base64) }
                changed.withUnsafeBytes { _ = contract.checkArguments($0, attachments: 1, binary: .attachment) }
            }
        }
        #expect(try violation(of: "(i64)", in: "7") == "expected an array of arguments")
    }

    @Test("a violation repeats at most 64 bytes of the JSON, and is valid UTF-8")
    func boundedWords() throws {
        let long = String(repeating: "é", count: 500_000)
        let unknown = try #require(try violation(of: "({a: i64})", in: #"[{"\#(long)":1}]"#))
        #expect(unknown.hasPrefix("argument 1: unknown member 'éé"))
        #expect(unknown.utf8.count < 140)
        let digits = try #require(try violation(of: "(i64)", in: "[\(String(repeating: "7", count: 1_000_000))]"))
        #expect(digits.utf8.count < 140)
        let kind = try #require(try violation(of: "(i64)", in: #"["\#(long)"]"#))
        #expect(kind == "argument 1: expected i64, got string")
    }

    @Test("the longest and the deepest signature can be checked")
    func largeSignatures() throws {
        let fields = (0..<64).map { "f\($0): i64" }.joined(separator: ", ")
        let members = (0..<64).reversed().map { #""f\#($0)":\#($0)"# }.joined(separator: ",")
        #expect(try violation(of: "({\(fields)})", in: "[{\(members)}]") == nil)
        #expect(
            try violation(of: "({\(fields)})", in: "[{\(members.replacing(#""f63":63"#, with: #""f63":"x""#))}]")
                == "argument 1, member 'f63': expected i64, got string")
        let deep = String(repeating: "{a: ", count: 16) + "i64" + String(repeating: "}", count: 16)
        let json = String(repeating: #"{"a":"#, count: 16) + "true" + String(repeating: "}", count: 16)
        #expect(
            try violation(of: "(\(deep))", in: "[\(json)]")
                == "argument 1" + String(repeating: ", member 'a'", count: 16) + ": expected i64, got boolean")
        let arrays = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(try violation(of: "(json)", in: "[\(arrays)]") == nil)
        #expect(try violation(of: "(bool)", in: "[\(arrays)]") == "argument 1: expected bool, got array")
    }
}
