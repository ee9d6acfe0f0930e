import RawJSON
import Testing

@Suite("JSON text")
struct JSONTextTests {
    private func unquote(_ token: String) -> String? {
        Array(token.utf8).withUnsafeBytes { JSONText.string($0) }
    }

    private func quote(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        bytes.withUnsafeBytes { JSONText.appendQuoted($0, to: &output) }
        return output
    }

    @Test(
        "strings are quoted as JSON.stringify does",
        arguments: [
            ("", #""""#), ("plain", #""plain""#), ("\"\\/", #""\"\\/""#),
            ("\u{8}\u{9}\u{A}\u{C}\u{D}", #""\b\t\n\f\r""#),
            ("\u{0}\u{1}\u{B}\u{1F}", #""\u0000\u0001\u000b\u001f""#), ("\u{7F}é€😀\u{2028}", "\"\u{7F}é€😀\u{2028}\""),
        ])
    func quoting(_ text: String, expected: String) {
        #expect(String(decoding: JSONText.quote(text), as: UTF8.self) == expected)
        #expect(unquote(expected) == text)
    }

    @Test("many texts are appended without a copy of everything for each of them")
    func growth() {
        var output: [UInt8] = []
        var capacities: Set<Int> = []
        for _ in 0..<10_000 {
            JSONText.appendQuoted("a user's id", to: &output)
            capacities.insert(output.capacity)
        }
        #expect(output.count == 130_000)
        #expect(capacities.count < 40)
    }

    @Test("every scalar is unchanged after quoting and unquoting")
    func roundTrip() {
        for value in stride(from: UInt32(0), through: 0x10FFFF, by: 0x3D) {
            guard let scalar = UnicodeScalar(value) else { continue }
            let text = "a" + String(scalar) + "b"
            #expect(JSONText.quote(text).withUnsafeBytes { JSONText.string($0) } == text)
        }
    }

    @Test("every scalar is decoded from its escapes")
    func escapes() {
        let digits = Array("0123456789abcdefABCDEF")
        func escape(_ unit: UInt16) -> String {
            "\\u" + (0..<4).reversed().map { String(digits[Int(unit >> (4 * $0) & 0xF)]) }.joined()
        }
        for value in stride(from: UInt32(0), through: 0x10FFFF, by: 0x71) {
            guard let scalar = UnicodeScalar(value) else { continue }
            let escaped = "\"" + String(scalar).utf16.map(escape).joined() + "!\""
            #expect(unquote(escaped) == String(scalar) + "!")
        }
    }

    @Test(
        "a lone surrogate becomes U+FFFD",
        arguments: [
            (#""\ud800""#, "\u{FFFD}"), (#""\udc00""#, "\u{FFFD}"), (#""\ud800x""#, "\u{FFFD}x"),
            (#""\ud800\n""#, "\u{FFFD}\n"),
            (#""\ud800\ud83d\ude00""#, "\u{FFFD}😀"), (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
            (#""\ud800\u0041""#, "\u{FFFD}A"),
            (#""\uDBFF\uDFFF""#, "\u{10FFFF}"),
        ])
    func loneSurrogates(_ token: String, expected: String) {
        #expect(unquote(token) == expected)
    }

    @Test(
        "unquoting refuses malformed strings",
        arguments: ["", "\"", "a", "1", "null", "\"a", "a\"", "\"a\"b\"", "\"a\" ", "\"\\\"", "\"\n\""])
    func notAString(_ token: String) {
        #expect(unquote(token) == nil)
    }

    @Test("each byte of invalid UTF-8 becomes U+FFFD, so that the result is always JSON")
    func repair() {
        #expect(quote([0x61, 0xFF, 0x62, 0xE2, 0x82]) == Array("\"a\u{FFFD}b\u{FFFD}\u{FFFD}\"".utf8))
        for first in UInt8.min...UInt8.max {
            for second in [0x22, 0x41, 0x80, 0xBF, 0xC3, 0xED, 0xF4] as [UInt8] {
                #expect(JSONScanner.isValid(quote([first, second, first])))
            }
        }
    }

    @Test("quoting into a caller's buffer returns the length, and never writes past the end")
    func intoBuffer() {
        let text = Array("a\n€\"".utf8)
        let quoted = Array(#""a\n€\"""#.utf8)
        for capacity in 0...quoted.count + 1 {
            var buffer = [UInt8](repeating: 0xEE, count: quoted.count + 4)
            let length = buffer.withUnsafeMutableBytes { buffer in
                text.withUnsafeBytes {
                    JSONText.quote($0, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<capacity]))
                }
            }
            #expect(length == quoted.count)
            #expect(buffer[capacity...].allSatisfy { $0 == 0xEE })
            if capacity >= length { #expect(Array(buffer[..<length]) == quoted) }
        }
        for capacity in 0...text.count + 1 {
            var buffer = [UInt8](repeating: 0xEE, count: text.count + 4)
            let length = buffer.withUnsafeMutableBytes { buffer in
                quoted.withUnsafeBytes {
                    JSONText.unquote($0, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<capacity]))
                }
            }
            #expect(length == text.count)
            #expect(buffer[capacity...].allSatisfy { $0 == 0xEE })
            if capacity >= text.count { #expect(Array(buffer[..<text.count]) == text) }
        }
        #expect(
            JSONText.quote(
                UnsafeRawBufferPointer(start: nil, count: 0), into: UnsafeMutableRawBufferPointer(start: nil, count: 0))
                == 2)
    }

    @Test(
        "a string token equals its decoded text and nothing else",
        arguments: [
            (#""abc""#, "abc", true), (#""abc""#, "abd", false), (#""abc""#, "ab", false), (#""abc""#, "abcd", false),
            (#""""#, "", true),
            (#""\u0061bc""#, "abc", true), (#""\u0061bc""#, "abcd", false), (#""a\nb""#, "a\nb", true),
            (#""a\nb""#, #"a\nb"#, false),
            (#""\ud83d\ude00""#, "😀", true), (#""\u0000""#, "\u{0}", true), (#""\u0000""#, "", false),
        ])
    func equality(_ token: String, text: String, expected: Bool) {
        let isEqual = Array(token.utf8).withUnsafeBytes { token in
            Array(text.utf8).withUnsafeBytes { JSONText.isEqual(token, to: $0) }
        }
        #expect(isEqual == expected)
    }
}
