import Support
import Testing

@Suite("Excerpts")
struct ExcerptTests {
    @Test("a text is cut by bytes, between two scalars, and says so", arguments: [("abc", "abc"), ("abcd", "abc…"), ("aé", "aé"), ("abé", "ab…"), ("e\u{301}\u{301}", "e\u{301}…")])
    func cut(text: String, expected: String) {
        #expect(Array(text.excerpt(3).utf8) == Array(expected.utf8))
    }
}
