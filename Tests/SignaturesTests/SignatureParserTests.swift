import Support
import Testing

@testable import Signatures

@Suite("Signature parser")
struct SignatureParserTests {
    @Test(
        "a valid text has a canonical form, which parses to an equal signature",
        arguments: [
            ("()", "()"),
            (" \t\r\n( ) ", "()"),
            ("add(a:f64,b:f64)->f64", "add(a: f64, b: f64) -> f64"),
            ("(f64, f64)", "(f64, f64)"),
            (
                "(room: string, limit: i64?) -> {items: json[], next: string?}",
                "(room: string, limit: i64?) -> {items: json[], next: string?}"
            ),
            ("divide ( a : f64 , b : f64 )throws->f64", "divide(a: f64, b: f64) throws -> f64"),
            ("f()throws", "f() throws"),
            ("throws(throws: bool) throws", "throws(throws: bool) throws"),
            ("(bool: bool, i32, i64: u64)", "(bool: bool, i32, i64: u64)"),
            ("(a: string ? [ ] ?)", "(a: string?[]?)"),
            (
                "(bool, i32, i64, u32, u64, f32, f64, string, cstring, bytes, json)",
                "(bool, i32, i64, u32, u64, f32, f64, string, cstring, bytes, json)"
            ),
            ("({})", "({})"),
            ("({...})", "({...})"),
            ("({ a:i64 , ... }?)", "({a: i64, ...}?)"),
            ("_1(_: json) -> {a: {b: {}[]}}", "_1(_: json) -> {a: {b: {}[]}}"),
        ])
    func canonicalText(_ text: String, expected: String) throws {
        let signature = try Signature(ByteString(text))
        #expect(signature.description == expected)
        #expect(try Signature(ByteString(expected)) == signature)
    }

    @Test("the parts of a signature are those of its text")
    func parts() throws {
        let signature = try Signature("list(room: string, limit: i64?) throws -> {items: json[], ...}")
        #expect(signature.name == "list")
        #expect(signature.parameters.map(\.name) == ["room", "limit"])
        #expect(signature.parameters.map(\.type) == [.string, .optional(.i64)])
        #expect(signature.canFail)
        let record = SignatureType.Record(
            fields: [SignatureType.Field(name: "items", type: .array(.json))], isOpen: true)
        #expect(signature.result == .record(record))
        #expect(try Signature("(f64)").parameters == [Signature.Parameter(name: nil, type: .f64)])
    }

    @Test(
        "an error names the column, what is expected, and what is found",
        arguments: [
            ("", "column 1: expected a name or '(', found the end"),
            ("add", "column 4: expected '(', found the end"),
            ("add)", "column 4: expected '(', found ')'"),
            ("1add()", "column 1: expected a name that does not begin with a digit, found '1add'"),
            ("add(a: ,", "column 8: expected a type, found ','"),
            ("add(float64)", "column 5: expected a type, found 'float64'; did you mean 'f64'?"),
            ("add(a: i46)", "column 8: expected a type, found 'i46'; did you mean 'i64'?"),
            ("add(a: strng)", "column 8: expected a type, found 'strng'; did you mean 'string'?"),
            ("add(a: Bool)", "column 8: expected a type, found 'Bool'; did you mean 'bool'?"),
            ("add(a: whatever)", "column 8: expected a type, found 'whatever'"),
            ("add(", "column 5: expected a parameter or ')', found the end"),
            ("add(,", "column 5: expected a parameter or ')', found ','"),
            ("add(i64,)", "column 9: expected a parameter, found ')'"),
            ("add(i64", "column 8: expected ',' or ')', found the end"),
            ("add(i64 i64)", "column 9: expected ',' or ')', found 'i64'"),
            ("add(2: i64)", "column 5: expected a name that does not begin with a digit, found '2'"),
            ("add(a: i64, a: i64)", "column 13: expected another name, found 'a' again"),
            ("add(i64??)", "column 9: expected at most one '?' for a type, found a second '?'"),
            ("add(i64[)", "column 9: expected ']', found ')'"),
            ("add() throw", "column 7: expected 'throws', '->' or the end, found 'throw'; did you mean 'throws'?"),
            ("add() throws f64", "column 14: expected '->' or the end, found 'f64'"),
            ("add() ->", "column 9: expected a type, found the end"),
            ("add() -> i64 throws", "column 14: expected the end, found 'throws'"),
            ("add() - > i64", "column 7: expected 'throws', '->' or the end, found '-'"),
            ("({", "column 3: expected a field, '...' or '}', found the end"),
            ("({a})", "column 4: expected ':', found '}'"),
            ("({a: i64,})", "column 10: expected a field or '...', found '}'"),
            ("({a: i64)", "column 9: expected ',' or '}', found ')'"),
            ("({..., a: i64})", "column 6: expected '}' after '...', found ','"),
            ("({..})", "column 3: expected a field, '...' or '}', found '.'"),
            ("({a: i64, a: i64})", "column 11: expected another name, found 'a' again"),
            ("(é)", "column 2: expected a parameter or ')', found byte 0xC3"),
            ("(\u{0})", "column 2: expected a parameter or ')', found byte 0x00"),
        ])
    func errors(_ text: String, expected: String) {
        let error = #expect(throws: SignatureError.self) { try Signature(ByteString(text)) }
        #expect(error?.description == expected)
    }

    @Test("a text may have 4,096 bytes, as written and in canonical form")
    func maximumLength() throws {
        let spaces = { (count: Int) in "(" + String(repeating: " ", count: count) + ")" }
        #expect(try Signature(ByteString(spaces(4094))).parameters.isEmpty)
        let error = #expect(throws: SignatureError.self) { try Signature(ByteString(spaces(4095))) }
        #expect(error?.description == "column 4097: expected at most 4096 bytes, found 4097")

        // 200 fields of 20 bytes, which the canonical form makes longer by two bytes each.
        let fields = { (record: Int) in
            (0..<50).map { "field_\(record)_\($0 + 10)_xxxx:i64" }.joined(separator: ",")
        }
        let text = "(" + (0..<4).map { "{" + fields($0) + "}" }.joined(separator: ",") + ")"
        #expect(text.utf8.count <= 4096)
        let canonical = #expect(throws: SignatureError.self) { try Signature(ByteString(text)) }
        #expect(
            canonical?.description.hasPrefix(
                "column 1: expected at most 4096 bytes with a space after each comma and colon, found ") == true)
    }

    @Test("a name may have 64 bytes")
    func maximumNameLength() throws {
        let name = { (count: Int) in String(repeating: "n", count: count) }
        _ = try Signature(ByteString("\(name(64))(\(name(64)): {\(name(64)): i64})"))
        for text in ["\(name(65))()", "(\(name(65)): i64)", "({\(name(65)): i64})"] {
            let error = #expect(throws: SignatureError.self) { try Signature(ByteString(text)) }
            #expect(error?.expected == "a name of at most 64 bytes")
            #expect(error?.found == "one of 65")
        }
    }

    @Test("arrays and records may be nested in 16 levels, in any mixture")
    func maximumDepth() throws {
        let nested = { (count: Int) in
            "(" + String(repeating: "{a: ", count: count) + "i64" + String(repeating: "}", count: count) + ")"
        }
        _ = try Signature(ByteString(nested(16)))
        _ = try Signature(ByteString("(i64" + String(repeating: "[]", count: 16) + ")"))
        _ = try Signature(ByteString("({a: i64" + String(repeating: "[]", count: 15) + "})"))
        _ = try Signature(ByteString("({a: i64[]}" + String(repeating: "[]", count: 14) + ")"))
        for text in [
            nested(17), nested(900), "(i64" + String(repeating: "[]", count: 17) + ")",
            "({a: i64" + String(repeating: "[]", count: 16) + "})",
            "({a: i64[]}" + String(repeating: "[]", count: 15) + ")", String(repeating: "({a:{", count: 800),
        ] {
            let error = #expect(throws: SignatureError.self) { try Signature(ByteString(text)) }
            #expect(error != nil)
        }
        let error = #expect(throws: SignatureError.self) { try Signature(ByteString(nested(17))) }
        #expect(
            error?.description
                == "column 66: expected at most 16 arrays and records within one another, found another")
    }

    @Test("a signature may have 32 parameters, a record 64 fields, and both together 512 types")
    func maximumCounts() throws {
        let list = { (count: Int, type: String) in (0..<count).map { "p\($0): \(type)" }.joined(separator: ",") }
        _ = try Signature(ByteString("(" + list(32, "i64") + ")"))
        _ = try Signature(ByteString("({" + list(64, "i64") + "})"))
        let parameters = #expect(throws: SignatureError.self) { try Signature(ByteString("(\(list(33, "i64")))")) }
        #expect(parameters?.expected == "at most 32 parameters")
        let fields = #expect(throws: SignatureError.self) { try Signature(ByteString("({\(list(65, "i64"))})")) }
        #expect(fields?.expected == "at most 64 fields")
        let deep = "i64" + String(repeating: "[]", count: 15)
        _ = try Signature(ByteString("(" + list(32, deep) + ")"))
        let tooMany = ByteString("(" + list(32, deep) + ") -> i64")
        let types = #expect(throws: SignatureError.self) { try Signature(tooMany) }
        #expect(types?.expected == "at most 512 types, each '?' and '[]' included")
    }

    @Test("no beginning of a text, and no text with other bytes, traps")
    func neverTraps() {
        var random = SystemRandomNumberGenerator()
        let text = Array("list(room: string, limit: i64?[]?) throws -> {items: json[], next: {a: f64, ...}?}".utf8)
        let bytes = Array("abi64f32?[]{}().,:->_ \tthrows".utf8) + [0, 0x80, 0xC3, 0xFF]
        for count in 0...text.count {
            for _ in 0..<20 {
                var text = Array(text[..<count])
                for _ in 0..<Int.random(in: 0...3, using: &random) where !text.isEmpty {
                    text[Int.random(in: text.indices, using: &random)] = bytes.randomElement(using: &random) ?? 0
                }
                check(text)
            }
        }
        for _ in 0..<2000 { check((0..<40).map { _ in bytes.randomElement(using: &random) ?? 0 }) }
    }

    private func check(_ text: [UInt8]) {
        let signature: Signature? = text.withUnsafeBytes { bytes in
            do throws(SignatureError) { return try Signature(bytes) } catch {
                #expect(error.column >= 1 && error.column <= text.count + 1)
                return nil
            }
        }
        guard let signature else { return }
        #expect((try? Signature(ByteString(signature.description))) == signature)
    }
}
