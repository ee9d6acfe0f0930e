import Foundation
import Support
import Testing

@Suite("Base64")
struct Base64Tests {
    private func decode(_ text: String) -> [UInt8]? {
        Array(text.utf8).withUnsafeBytes { Base64.decodeURL($0) }
    }

    private func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        Base64.appendURL(bytes, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test("encoded bytes of every length decode in place to the same bytes")
    func inPlace() {
        for count in 0..<100 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
            var text = [UInt8](repeating: 0, count: Base64.encodedCount(count))
            text.withUnsafeMutableBytes { text in
                guard let start = text.baseAddress else { return }
                bytes.withUnsafeBytes { Base64.encode($0, to: start) }
            }
            #expect(String(decoding: text, as: UTF8.self) == Data(bytes).base64EncodedString())
            #expect(text.withUnsafeMutableBytes { Array($0.prefix(Base64.decode(inPlace: $0))) } == bytes)
        }
    }

    @Test("the digits are those of the standard alphabet")
    func digits() {
        let digits = (UInt8.min...UInt8.max).filter(Base64.isDigit)
        #expect(
            String(decoding: digits, as: UTF8.self)
                == "+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    }

    @Test("for URLs, encoded bytes decode to the same bytes, and Foundation encodes them equally")
    func roundTrip() {
        for length in 0..<70 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ length &* 37) }
            let theirs = Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-")
                .replacingOccurrences(of: "/", with: "_")
                .replacingOccurrences(of: "=", with: "")
            #expect(encode(bytes) == theirs)
            #expect(decode(theirs) == bytes)
        }
        #expect(encode([0xFB, 0xFF]) == "-_8")
    }

    @Test(
        "for URLs, padding, foreign characters, impossible lengths and non-zero leftover bits are refused",
        arguments: ["A", "AAAAA", "AA==", "A+AA", "A/AA", "AA A", "AA\n", "AB", "AAB", "é"])
    func refused(_ text: String) {
        #expect(decode(text) == nil)
    }
}
