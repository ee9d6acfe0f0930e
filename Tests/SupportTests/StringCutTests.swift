import Support
import Testing

@Suite("Cut texts")
struct StringCutTests {
    @Test("a text within the limit is unchanged")
    func short() {
        #expect("".cut(to: 4) == "")
        #expect("four".cut(to: 4) == "four")
    }

    @Test("a longer text is cut, and its length is appended")
    func long() {
        #expect("fives".cut(to: 4) == "five… (cut; 5 bytes)")
        #expect(String(repeating: "x", count: 1_000_000).cut(to: 10) == "xxxxxxxxxx… (cut; 1000000 bytes)")
    }

    @Test("no character is cut in two")
    func characters() {
        #expect("aüb".cut(to: 2) == "a… (cut; 4 bytes)")
        #expect("aüb".cut(to: 3) == "aü… (cut; 4 bytes)")
        #expect("a😀b".cut(to: 4) == "a… (cut; 6 bytes)")
        #expect("😀😀".cut(to: 1) == "… (cut; 8 bytes)")
    }

    @Test("invalid UTF-8 becomes replacement characters")
    func malformed() {
        let bytes: [UInt8] = [0x61, 0xFF, 0x80, 0x80, 0x80, 0x80, 0x62]
        #expect(bytes.withUnsafeBytes { String(cutting: $0, to: 7) } == "a\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}b")
        #expect(bytes.withUnsafeBytes { String(cutting: $0, to: 2) }.hasSuffix("… (cut; 7 bytes)"))
    }
}
