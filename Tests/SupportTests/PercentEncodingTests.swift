import Support
import Testing

@Suite("Percent encoding")
struct PercentEncodingTests {
    @Test(
        "escapes are decoded, and a plus in a query is a space",
        arguments: [
            ("a%20b", "a b", "a b"), ("a+b", "a+b", "a b"), ("%C3%A9", "é", "é"), ("%c3%a9+", "é+", "é "),
            ("plain", "plain", "plain"), ("", "", ""), ("%00", "\0", "\0"),
        ])
    func texts(part: String, inPath: ByteString, inQuery: ByteString) {
        Array(part.utf8).withUnsafeBytes {
            #expect(PercentEncoding.text($0, .path) == inPath)
            #expect(PercentEncoding.text($0, .query) == inQuery)
        }
    }

    @Test(
        "broken escapes and invalid UTF-8 are not decoded to a text",
        arguments: ["%", "a%2", "%zz", "%C3", "%4", "%%41"])
    func broken(part: String) {
        Array(part.utf8).withUnsafeBytes { #expect(PercentEncoding.text($0, .path) == nil) }
    }

    @Test(
        "as bytes, a broken escape is copied, and decoding stops when the buffer is full",
        arguments: [
            ("%zz%41", 10, "%zzA", true), ("%", 10, "%", true), ("%41%42%43", 2, "AB", false),
            ("a+b", 10, "a b", false), ("%4", 10, "%4", true),
        ])
    func bytes(part: String, size: Int, expected: String, isBroken: Bool) {
        withUnsafeTemporaryAllocation(byteCount: size, alignment: 1) { room in
            let found = Array(part.utf8).withUnsafeBytes { PercentEncoding.decode($0, .query, into: room) }
            #expect(String(decoding: room[..<found.count], as: UTF8.self) == expected)
            #expect(found.isBroken == isBroken)
        }
    }
}
