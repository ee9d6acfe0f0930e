import RawJSON
import Testing

@testable import Signatures

@Suite("Records in a contract")
struct ContractRecordTests {
    @Test(
        "the last of equal keys counts",
        arguments: [
            (#"{"a":"x","a":1}"#, nil),
            (#"{"a":1,"\u0061":2}"#, nil),
            (#"{"a":"x","b":1,"a":"y","a":1}"#, nil),
            (#"{"a":1,"a":"x"}"#, "argument 1, member 'a': expected i64, got string"),
            (#"{"a":1,"\u0061":null}"#, "argument 1, member 'a': expected i64, got null"),
            (#"{"b":"x","a":"x","b":1}"#, "argument 1, member 'a': expected i64, got string"),
            (#"{"b":"x","a":"x","a":1,"b":null}"#, nil),
            (#"{"b":"x","a":"x","b":true,"a":1}"#, "argument 1, member 'b': expected i64?, got boolean"),
            (#"{"c":1,"a":"x","a":1}"#, "argument 1: unknown member 'c'"),
        ] as [(String, String?)])
    func duplicateKeys(_ json: String, words: String?) throws {
        #expect(try violation(of: "({a: i64, b: i64?})", in: "[\(json)]") == words)
    }

    @Test("a wrong value of an earlier key does no harm at any depth")
    func nestedDuplicates() throws {
        let signature = "({a: {b: {c: i64}[]}[], d: bool})"
        #expect(
            try violation(of: signature, in: #"[{"a":[{"b":[{"c":"x"}]}],"d":true,"a":[{"b":[{"c":"x","c":1}]}]}]"#)
                == nil)
        #expect(
            try violation(
                of: signature, in: #"[{"a":[{"b":[{"c":1},{"c":"x"}],"b":[{"c":1},{"c":[]}]}],"d":1,"d":true}]"#)
                == "argument 1, member 'a', element 1, member 'b', element 2, member 'c': expected i64, got array")
    }

    @Test("a key may be written with escapes")
    func escapedKeys() throws {
        let long = String(repeating: "n", count: 64)
        #expect(
            try violation(of: "({limit: i64, \(long): i64})", in: #"[{"l\u0069mit":1,"\u006e\#(long.dropFirst())":2}]"#)
                == nil)
        #expect(
            try violation(of: "({limit: i64?})", in: #"[{"l\u0069mi":1}]"#)
                == #"argument 1: unknown member 'l\u0069mi'; did you mean 'limit'?"#)
        #expect(
            try violation(of: "({a: i64})", in: #"[{"\ud800":1,"a":1}]"#) == #"argument 1: unknown member '\ud800'"#)
    }

    @Test("keys of all lengths are found among keys that differ in one byte")
    func keyLengths() throws {
        for count in 1...64 {
            let key = String(repeating: "k", count: count)
            var names = [key, key.dropLast() + "x", "x" + key.dropFirst()]
            if count > 2 { names.append(key.prefix(count / 2) + "x" + key.suffix(count - count / 2 - 1)) }
            let unique = names.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
            for absent in unique {
                let fields = unique.map { $0 == absent ? "other: bool?" : "\($0): i64?" }.joined(separator: ", ")
                for present in unique {
                    let words = try violation(of: "({\(fields)})", in: #"[{"\#(present)":1}]"#)
                    #expect((words == nil) == (present != absent))
                }
            }
        }
    }

    @Test("an open record accepts unknown members, and checks the known ones")
    func openRecords() throws {
        #expect(try violation(of: "({a: i64, ...})", in: #"[{"x":{"a":"y"},"a":1,"":null}]"#) == nil)
        #expect(
            try violation(of: "({a: i64, ...})", in: #"[{"x":1,"a":"y"}]"#)
                == "argument 1, member 'a': expected i64, got string")
        #expect(
            try violation(of: "({a: i64, ...})", in: #"[{"x":1}]"#) == "argument 1, member 'a' is missing: expected i64"
        )
        #expect(try violation(of: "({...})", in: "[[]]") == "argument 1: expected {...}, got array")
    }

    @Test("an optional field may be absent or null, a required one neither")
    func optionalFields() throws {
        #expect(try violation(of: "({a: i64?, b: {c: string?}?})", in: "[{}]") == nil)
        #expect(try violation(of: "({a: i64?, b: {c: string?}?})", in: #"[{"a":null,"b":{}}]"#) == nil)
        #expect(try violation(of: "({a: i64})", in: "[{}]") == "argument 1, member 'a' is missing: expected i64")
        #expect(
            try violation(of: "({a: i64, b: json})", in: #"[{"a":1}]"#)
                == "argument 1, member 'b' is missing: expected json")
    }

    @Test("many wrong, unknown and equal keys cost time in proportion to the text")
    func hostileRecords() throws {
        let fields = (0..<64).map { "field_with_a_long_name_\($0): i64?" }.joined(separator: ", ")
        let one = (0..<64).map { #""field_with_a_long_name_\#($0)":"x""# }.joined(separator: ",")
        let json = "[{" + Array(repeating: one, count: 500).joined(separator: ",") + "}]"
        let clock = ContinuousClock()
        let start = clock.now
        #expect(
            try violation(of: "({\(fields)})", in: json)
                == "argument 1, member 'field_with_a_long_name_0': expected i64?, got string")
        let elapsed = clock.now - start
        // 1 MB; a debug build takes about 0.1 s.
        #expect(elapsed < .seconds(5))
        let escaped = "[{" + Array(repeating: #""\u0061":[]"#, count: 80_000).joined(separator: ",") + "}]"
        #expect(try violation(of: "({\(fields)})", in: escaped) == #"argument 1: unknown member '\u0061'"#)
    }
}
