import Foundation
import Testing

@testable import RawJSON

@Suite("JSON scanner")
struct JSONScannerTests {
    static let valid = [
        "null", "true", "false", "0", "-0", "1", "-1", "10", "1.5", "0.0", "-0.0e0", "1e5", "1E+5", "1e-05",
        "123456789012345678901234567890",
        "1e999", #""""#, #""a""#, #""\"\\\/\b\f\n\r\t""#, #""\u0000\u00e9\uFFFF""#, #""\ud83d\ude00""#, #""\ud800""#,
        #""\udc00\ud800""#,
        "\"\u{7F}\"", "\"é\"", "\"€\"", "\"😀\"", "\"\u{FEFF}\"", "\"\u{10FFFF}\"", "[]", "{}", "[ ]", "{\t}", "[1]",
        "[1,2]", "[[],{}]",
        #"{"a":1}"#, #"{"a":1,"a":2}"#, #"{"":{"":[]}}"#, " 1 ", "\t\r\n [ 1 , 2 ] \n",
        #" { "a" : [ true , null ] , "b" : "c" } "#,
        #"["message",{"body":"hello, world","at":1700000000000}]"#, #"{"_placeholder":true,"num":0}"#,
    ]

    static let invalid = [
        "", " ", "nul", "nulL", "nullx", "True", "tru", "fals", "NaN", "Infinity", "-Infinity", "undefined", "+1", "01",
        "-01", "00", "1.", ".5",
        "-", "--1", "1e", "1e+", "1.e5", "1.5.5", "0x10", "1_000", "1a", #"""#, #""a"#, #""\"#, #""\x""#, #""\u12""#,
        #""\u12G4""#, #""\u""#,
        #""\U0041""#, "'a'", "\"\n\"", "\"\t\"", "\"\u{0}\"", "\"\u{1F}\"", "[", "]", "[1", "[1,", "[1,]", "[,1]",
        "[,]", "[1 2]", "[1}", "{", "}",
        #"{"a""#, #"{"a":"#, #"{"a":1"#, #"{"a":1,"#, #"{"a":1,}"#, "{,}", #"{"a" 1}"#, #"{"a",1}"#, "{a:1}", "{1:1}",
        #"{"a":1]"#, #"{"a":}"#,
        #"{"a":1 "b":2}"#, "[]]", "{}{}", "1 2", "[1],", "// c\n1", "/**/1", "\u{A0}1", "\u{FEFF}1", "\u{B}1", "\u{C}1",
        "[1,\u{2028}2]",
    ]

    @Test("what JSON.parse accepts is valid", arguments: valid)
    func accepts(_ text: String) {
        #expect(JSONScanner.isValid(Array(text.utf8)))
    }

    @Test("what JSON.parse refuses is invalid", arguments: invalid)
    func refuses(_ text: String) {
        #expect(!JSONScanner.isValid(Array(text.utf8)))
    }

    @Test("a document cut short anywhere is invalid, and the error says it ends too early", arguments: valid)
    func truncation(_ text: String) {
        let bytes = Array(text.trimmingCharacters(in: .whitespacesAndNewlines).utf8)
        // A prefix of a number is a number too.
        guard let first = bytes.first, JSONKind(firstByte: first) != .number else { return }
        for length in 0..<bytes.count {
            let prefix = Array(bytes[..<length])
            #expect(!JSONScanner.isValid(prefix))
            // If a character is cut, the error is at that character.
            guard String(validating: prefix, as: UTF8.self) != nil else { continue }
            #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: prefix) }
            #expect(syntaxError(prefix)?.byte == nil)
            #expect(syntaxError(prefix)?.offset == length)
        }
    }

    @Test("a string's end, and a control character in it, are found at every distance from its start")
    func stringsOfEveryLength() {
        for length in 0..<40 {
            for position in 0...length {
                var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: length)
                bytes.insert(UInt8(ascii: "\""), at: 0)
                bytes.append(UInt8(ascii: "\""))
                let plain = bytes
                #expect(end(plain) == plain.count)
                #expect(end(plain + plain) == plain.count)
                bytes.insert(0x1F, at: 1 + position)
                #expect(syntaxError(bytes)?.offset == 1 + position)
                bytes[1 + position] = 0xFF
                #expect(syntaxError(bytes)?.offset == 1 + position)
                bytes[1 + position] = UInt8(ascii: "\"")
                #expect(end(bytes) == position + 2)
                bytes.replaceSubrange(1 + position...1 + position, with: Array(#"\""#.utf8))
                #expect(end(bytes) == bytes.count)
                bytes.replaceSubrange(1 + position...2 + position, with: Array("€".utf8))
                #expect(end(bytes) == bytes.count)
            }
        }
    }

    @Test("of all single bytes in a string, only controls, quote, backslash and non-ASCII are special")
    func specialBytes() {
        for byte in UInt8.min...UInt8.max {
            for lane in 0..<8 {
                var bytes = [UInt8](repeating: UInt8(ascii: " "), count: 8)
                bytes[lane] = byte
                let word = bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
                let isSpecial = byte < 0x20 || byte == 0x22 || byte == 0x5C || byte >= 0x80
                let marks = JSONScanner.specialBytes(in: word)
                #expect((marks != 0) == isSpecial)
                if isSpecial { #expect(marks.trailingZeroBitCount / 8 == lane) }
            }
        }
    }

    @Test("UTF-8 is validated as by the standard library, at every boundary")
    func utf8() {
        let edges: [UInt8] = [0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xED, 0xFF]
        var disagreements = 0
        func compare(_ content: [UInt8]) {
            let isValid = String(validating: content, as: UTF8.self) != nil
            if JSONScanner.isValid([0x22] + content + [0x22]) != isValid { disagreements += 1 }
        }
        for lead in UInt8(0x80)...0xFF {
            compare([lead])
            for second in edges {
                compare([lead, second])
                // Smaller lead bytes begin no longer sequence.
                for third in edges where lead >= 0xE0 {
                    compare([lead, second, third])
                    for fourth in edges where lead >= 0xF0 { compare([lead, second, third, fourth]) }
                }
            }
        }
        #expect(disagreements == 0)
    }

    @Test("nesting is allowed up to the limit")
    func depth() {
        func nested(_ depth: Int, _ open: String, _ close: String, _ inner: String = "1") -> [UInt8] {
            Array((String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)).utf8)
        }
        #expect(JSONScanner.isValid(nested(128, "[", "]")))
        #expect(!JSONScanner.isValid(nested(129, "[", "]")))
        #expect(JSONScanner.isValid(nested(128, #"{"k":"#, "}")))
        #expect(!JSONScanner.isValid(nested(129, #"{"k":"#, "}")))
        #expect(JSONScanner.isValid(nested(64, #"[{"k":"#, "}]")))
        #expect(!JSONScanner.isValid(nested(64, #"[{"k":"#, "}]", "[]")))
        #expect(!JSONScanner.isValid(nested(128, "[", "]", "{}")))
        #expect(JSONScanner.isValid(Array("[[1]]".utf8), depthLimit: 2))
        #expect(!JSONScanner.isValid(Array("[[[]]]".utf8), depthLimit: 2))
        #expect(JSONScanner.isValid(Array("1".utf8), depthLimit: 0))
        #expect(!JSONScanner.isValid(Array("[]".utf8), depthLimit: 0))
        // A higher limit than the maximum is reduced to the maximum.
        #expect(!JSONScanner.isValid(nested(129, "[", "]"), depthLimit: 1000))
        #expect(!JSONScanner.isValid([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)))
    }

    @Test("closing brackets must match at every level")
    func mixedBrackets() {
        #expect(JSONScanner.isValid(Array(#"[{"a":[{"b":[]}]},[{}]]"#.utf8)))
        for text in [
            #"[{"a":[1}]]"#, #"{"a":[{"b":1]}}"#, #"[[1},2]"#, #"{"a":{"b":1]}"#, #"[{"a":1},"b":2]"#, #"{"a":[1],2}"#,
        ] {
            #expect(!JSONScanner.isValid(Array(text.utf8)))
        }
    }

    @Test("the end of a value is found from any start, and bytes behind it are not read")
    func endOfValue() {
        let bytes = Array(#"42["a", 1] {"b":2}x"#.utf8)
        bytes.withUnsafeBytes { bytes in
            #expect(JSONScanner.endOfValue(in: bytes, from: 0) == 2)
            #expect(JSONScanner.endOfValue(in: bytes, from: 2) == 10)
            #expect(JSONScanner.endOfValue(in: bytes, from: 10) == 18)
            #expect(JSONScanner.endOfValue(in: bytes, from: 18) == nil)
            #expect(JSONScanner.endOfValue(in: bytes, from: bytes.count) == nil)
        }
        #expect(JSONScanner.endOfValue(in: UnsafeRawBufferPointer(start: nil, count: 0), from: 0) == nil)
    }

    @Test(
        "errors name the first byte that is not allowed",
        arguments: [
            ("[1,]", 3, "invalid JSON: unexpected ']' at byte 3"),
            ("{\"a\"1}", 4, "invalid JSON: unexpected '1' at byte 4"),
            ("01", 1, "invalid JSON: unexpected '1' at byte 1"),
            ("[1", 2, "invalid JSON: it ends too early, at byte 2"),
            ("\"\n\"", 1, "invalid JSON: unexpected byte 0xa at byte 1"),
            ("truE", 3, "invalid JSON: unexpected 'E' at byte 3"),
            ("1.x", 2, "invalid JSON: unexpected 'x' at byte 2"),
            ("\"\\q\"", 2, "invalid JSON: unexpected 'q' at byte 2"),
            ("\u{FEFF}1", 0, "invalid JSON: byte 0xef at byte 0 is invalid UTF-8 or stands outside a string"),
        ])
    func errors(_ text: String, offset: Int, message: String) {
        let error = syntaxError(Array(text.utf8))
        #expect(error?.offset == offset)
        #expect(error?.description == message)
    }

    @Test("randomly damaged documents are valid if Foundation accepts them")
    func againstFoundation() {
        let seeds = Self.valid.filter {
            !$0.contains("\\ud") && !$0.contains("\\u0000") && !$0.contains("e999") && !$0.contains("\u{FEFF}")
        }
        .map { Array($0.utf8) }
        // Without bytes that Foundation treats differently: it takes NULs for UTF-16, and refuses lone surrogates and
        // very large numbers.
        let alphabet =
            Array(#"[]{}:,"\/ tfn0123456789-+.eEaxu"#.utf8) + [0x0A, 0x1F, 0x7F, 0xC3, 0xA9, 0xE2, 0x82, 0xAC]
        var random = SplitMix64(state: 1)
        var accepted = 0
        for _ in 0..<30_000 {
            guard var bytes = seeds.randomElement(using: &random) else { return }
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let at = Int.random(in: 0...bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.insert(alphabet.randomElement(using: &random) ?? 0x20, at: at)
                case 1 where at < bytes.count: bytes.remove(at: at)
                default: if at < bytes.count { bytes[at] = alphabet.randomElement(using: &random) ?? 0x20 }
                }
            }
            let isValid = JSONScanner.isValid(bytes)
            let theirs = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            accepted += isValid ? 1 : 0
            let text = String(decoding: bytes, as: UTF8.self)
            // The damage can produce large exponents and lone surrogates.
            if text.contains("\\u") || text.lowercased().contains("e") && text.contains(where: \.isNumber) { continue }
            // Foundation accepts a comma before a closing bracket; JSON.parse does not.
            let compact = String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
            if theirs, compact.contains(",]") || compact.contains(",}") { continue }
            #expect(isValid == theirs, "\(text)")
        }
        #expect(accepted > 1000)
    }

    private func end(_ bytes: [UInt8]) -> Int? {
        bytes.withUnsafeBytes { JSONScanner.endOfValue(in: $0, from: 0) }
    }

    private func syntaxError(_ bytes: [UInt8]) -> JSONSyntaxError? {
        do throws(JSONSyntaxError) {
            _ = try JSONValue(parsing: bytes)
            return nil
        } catch {
            return error
        }
    }
}

/// Pseudorandom numbers, the same in every run, so that failures can be reproduced.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
