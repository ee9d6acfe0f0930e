import Glibc
import Support
import Testing

@testable import SocketIO

@Suite("Namespace patterns")
struct NamespacePatternTests {
    @Test(
        "back-references are refused, since they cannot be matched in bounded time",
        arguments: [#"^/(a*)(a*)\1\2b$"#, #"^/(ab)\9$"#])
    func referencesBack(pattern: ByteString) {
        #expect { try NamespacePattern(pattern) } throws: {
            "\($0)".contains("refers back to a group, which cannot be matched in bounded time")
        }
    }

    @Test(
        "a malformed expression is refused with its position",
        arguments: [
            ("^/(a", "character 3: this '(' is not closed"),
            ("a)", "character 2: this ')' closes no group; write '\\)' for the character"),
            ("*a", "character 1: there is nothing for '*' to repeat; write '\\*' for the character"),
            ("a|+b", "character 3: there is nothing for '+' to repeat; write '\\+' for the character"),
            ("^*", "character 1: an anchor cannot be repeated"),
            ("[ab", "character 1: this '[' is not closed"), ("[z-a]", "character 2: the range z-a runs backwards"),
            ("[[:word:]]", "character 2: there is no such class; there are [:alnum:] "),
            ("[[.a.]]", "character 2: collating elements and"),
            ("a{3,2}", "character 2: {3,2} has its larger number first"), ("a{x}", "character 2: '{' needs a number"),
            ("a{2", "character 2: this '{' is not closed"),
            ("a{256}", "character 2: a number of repetitions is at most 255"),
            ("a\\", "character 2: a '\\' at the end"), ("\\d+", "character 1: '\\d' means nothing"),
            ("((a{1,30}){1,30}){1,3}", "with its repetitions written out it has more than 1000 steps"),
            (ByteString(String(repeating: "(", count: 40)), "nested more than 32"),
            (ByteString(String(repeating: "a", count: 1025)), "more than 1024 bytes"),
        ] as [(ByteString, String)])
    func malformed(pattern: ByteString, reason: String) {
        #expect { try NamespacePattern(pattern) } throws: {
            "\($0)".contains("no POSIX extended regular expression: ") && "\($0)".contains(reason)
        }
    }

    @Test(
        "brackets, ranges and the dot match a character of any script",
        arguments: [
            ("^/.$", "/é", true), ("^/.{2}$", "/é", false), ("^/[äöü]+$", "/üä", true), ("^/[äöü]+$", "/ë", false),
            ("^/[α-ω]$", "/λ", true), ("^/[^/]{2}$", "/😀é", true),
            ("^/\u{212A}$", "/K", false), ("^/caf\u{E9}$", "/cafe\u{301}", false),
        ] as [(ByteString, ByteString, Bool)])
    func scalars(pattern: ByteString, name: ByteString, expected: Bool) throws {
        #expect(try NamespacePattern(pattern).matches(name) == expected)
    }

    @Test(
        "special characters are literal after a backslash and in brackets",
        arguments: [
            (#"^/a\.b\*\(\)\[\{\|\\$"#, #"/a.b*()[{|\"#, true), (#"^/a\.b$"#, "/axb", false),
            ("^/[].*+?^$-]+$", "/].*+?^$-", true), ("^/[^]]$", "/]", false), ("^/[a-]$", "/-", true),
            ("^/a}]$", "/a}]", true),
        ] as [(ByteString, ByteString, Bool)])
    func specials(pattern: ByteString, name: ByteString, expected: Bool) throws {
        #expect(try NamespacePattern(pattern).matches(name) == expected)
    }

    @Test(
        "nested repetitions cost at most steps times characters",
        arguments: [
            "^/(a*)*b$", "^/((a*)*)*b$", "^/(a|aa)+$", "^/(a?){200}a{200}$", "^/.*a.{14}$", "^/(.*a.{12}|.*b.{11})$",
            "^/(x+x+)+y$", "(a*)*(a*)*(a*)*c",
        ] as [ByteString])
    func nestedRepetitions(pattern: ByteString) throws {
        let pattern = try NamespacePattern(pattern)
        var random = Xorshift(seed: 7)
        let began = ContinuousClock.now
        for _ in 0..<100 {
            _ = pattern.matches(ByteString("/" + String((0..<255).map { _ in random.next() & 1 == 0 ? "a" : "b" })))
        }
        // Each takes at most about 6 ms in a build without optimisation.
        #expect(ContinuousClock.now - began < .seconds(20))
    }

    @Test(
        "an anchor is effective at any position",
        arguments: [
            ("(a$){2}", "aa", false), ("(^a|b)+$", "ab", true), ("(^|x)a", "ba", false), ("(^|x)a", "xa", true),
            ("a($|b)", "ac", false), ("()", "", true), ("(|a)b", "b", true),
        ] as [(ByteString, ByteString, Bool)])
    func anchors(pattern: ByteString, name: ByteString, expected: Bool) throws {
        #expect(try NamespacePattern(pattern).matches(name) == expected)
    }

    @Test("random expressions match what the C library says they match")
    func sameAsTheLibrary() throws {
        var random = Xorshift(seed: 99)
        func below(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
        func expression(_ depth: Int) -> String {
            switch below(depth > 3 ? 5 : 9) {
            case 0, 1: ["a", "b", "/"][below(3)]
            case 2: "."
            case 3: ["[ab]", "[^a]", "[a-b/]", "[[:alpha:]]", "[^[:lower:]]"][below(5)]
            case 4: "(a|b|)"
            case 5: "(" + expression(depth + 1) + "|" + expression(depth + 1) + ")"
            case 6: expression(depth + 1) + expression(depth + 1)
            default: "(" + expression(depth + 1) + ")" + ["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}"][below(7)]
            }
        }
        var matches = 0
        for _ in 0..<2_000 {
            // Anchors at the ends only: glibc ignores anchors in repeated groups, so that '(a$){2}' matches 'aa'.
            let text = ["", "^"][below(2)] + "(" + expression(0) + ")" + ["", "$"][below(2)]
            let pattern = try NamespacePattern(ByteString(text))
            var compiled = regex_t()
            try #require(regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB) == 0, "\(text)")
            defer { regfree(&compiled) }
            for _ in 0..<20 {
                let name = String((0..<below(9)).map { _ in ["a", "b", "/"][below(3)] as Character })
                let expected = regexec(&compiled, name, 0, nil, 0) == 0
                #expect(pattern.matches(ByteString(name)) == expected, "\(text) in '\(name)'")
                if expected { matches += 1 }
            }
        }
        #expect((4_000...38_000).contains(matches), "the expressions say something: \(matches)")
    }
}
