import Foundation
import Testing

@testable import Identity

@Suite("Base64url")
struct Base64URLTests {
    private func decode(_ text: String) -> [UInt8]? {
        Array(text.utf8).withUnsafeBytes { Base64URL.decode($0) }
    }

    private func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        Base64URL.append(bytes, to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    @Test("what is encoded decodes to itself, and Foundation spells it the same")
    func roundTrip() {
        for length in 0..<70 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ length &* 37) }
            let theirs = Data(bytes).base64EncodedString().replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
                .replacingOccurrences(of: "=", with: "")
            #expect(encode(bytes) == theirs)
            #expect(decode(theirs) == bytes)
        }
        #expect(encode([0xFB, 0xFF]) == "-_8")
    }

    @Test("padding, foreign characters, impossible lengths and second spellings are refused", arguments: ["A", "AAAAA", "AA==", "A+AA", "A/AA", "AA A", "AA\n", "AB", "AAB", "é"])
    func refused(_ text: String) {
        #expect(decode(text) == nil)
    }
}
