import Support
import Testing

@Suite("Spelling")
struct SpellingTests {
    @Test("the distance counts insertions, deletions, substitutions and swapped neighbours")
    func distance() {
        #expect(Spelling.distance("", "") == 0)
        #expect(Spelling.distance("", "abc") == 3)
        #expect(Spelling.distance("port", "port") == 0)
        #expect(Spelling.distance("port", "prot") == 1)
        #expect(Spelling.distance("port", "ports") == 1)
        #expect(Spelling.distance("port", "sort") == 1)
        #expect(Spelling.distance("kitten", "sitting") == 3)
    }

    @Test("a misspelt word finds its correction, in any case")
    func near() {
        let keys = ["pingInterval", "pingTimeout", "port", "path", "host"]
        #expect(Spelling.nearest(to: "pinginterval", among: keys) == "pingInterval")
        #expect(Spelling.nearest(to: "ping_interval", among: keys) == "pingInterval")
        #expect(Spelling.nearest(to: "hots", among: keys) == "host")
        #expect(Spelling.nearest(to: "warn", among: ["error", "warning"]) == "warning")
    }

    @Test("an unrelated short word finds nothing")
    func far() {
        #expect(Spelling.nearest(to: "x", among: ["a", "b"]) == nil)
        #expect(Spelling.nearest(to: "yes", among: ["tls", "cors"]) == nil)
        #expect(Spelling.nearest(to: "adapter", among: ["port", "path"]) == nil)
        #expect(Spelling.nearest(to: "word", among: []) == nil)
    }
}
