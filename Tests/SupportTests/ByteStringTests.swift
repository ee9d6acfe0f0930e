import Support
import Testing

@Suite("Byte strings")
struct ByteStringTests {
    @Test(
        "canonically equivalent texts are different byte strings",
        arguments: [("\u{212A}", "K"), ("\u{E9}", "e\u{301}"), ("\u{37E}", ";"), ("\u{212B}", "\u{C5}")])
    func equivalentTextsDiffer(a: String, b: String) {
        #expect(a == b)
        #expect(ByteString(a) != ByteString(b))
        #expect(Set([ByteString(a), ByteString(b)]).count == 2)
    }

    @Test(
        "equal bytes are equal and hash alike, short or long",
        arguments: ["", "a", "fifteen bytes..", "sixteen bytes...", String(repeating: "é", count: 300)])
    func equalBytesAreEqual(text: String) {
        let copy = Array(text.utf8).withUnsafeBytes { ByteString(validating: $0, limit: 1_000) }
        #expect(copy == ByteString(text))
        #expect(copy?.hashValue == ByteString(text).hashValue)
        #expect(copy?.count == text.utf8.count)
    }

    @Test("more bytes than the limit, and bytes that are not UTF-8, are refused")
    func refusals() {
        #expect(Array("abcd".utf8).withUnsafeBytes { ByteString(validating: $0, limit: 3) } == nil)
        #expect(([0xC3, 0x28] as [UInt8]).withUnsafeBytes { ByteString(validating: $0, limit: 3) } == nil)
    }

    @Test(
        "control characters are found",
        arguments: [("alice", false), ("alice\0x", true), ("a\u{7F}", true), ("é", false), ("\n", true)])
    func controlCharacters(text: String, expected: Bool) {
        #expect(ByteString(text).hasControlCharacter == expected)
    }

    @Test("a control character is found at every position, and no other character counts as one")
    func controlCharacterPlaces() {
        for byte in UInt8.min...UInt8.max {
            for place in 0..<20 {
                var bytes = [UInt8](repeating: 0x80, count: 20)
                bytes[place] = byte
                #expect(bytes.withUnsafeBytes { $0.hasControlCharacter } == (byte < 0x20 || byte == 0x7F))
            }
        }
    }

    @Test("prefixes are compared by bytes: a combining mark behind the prefix does not matter")
    func prefixes() {
        #expect(ByteString("room:\u{301}x").hasPrefix("room:") && !("room:\u{301}x".hasPrefix("room:")))
        #expect(!ByteString("room").hasPrefix("room:"))
    }

    @Test("the order is that of the bytes")
    func order() {
        #expect((["\u{212A}", "b", "ab", "K", "a"] as [ByteString]).sorted() == ["K", "a", "ab", "b", "\u{212A}"])
    }

    @Test("a text with spare capacity equals the same text without")
    func representations() {
        var roomy = ""
        roomy.reserveCapacity(100)
        roomy += "alice"
        #expect(ByteString(roomy) == "alice")
        #expect(ByteString(roomy).hashValue == ByteString("alice").hashValue)
    }

    @Test("hostile combining marks cost linear time")
    func hostileMarks() {
        // As `String`s, each comparison takes about 0.2 s, because normalization has to sort two classes of marks.
        let hostile = String(repeating: "\u{301}", count: 100_000) + String(repeating: "\u{316}", count: 100_000)
        let other = ByteString(hostile + "x"), same = ByteString(hostile)
        for _ in 0..<100 { #expect(other != same && same == ByteString(hostile)) }
    }
}
