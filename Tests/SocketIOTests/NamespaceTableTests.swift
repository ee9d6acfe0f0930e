import Support
import Testing

@testable import SocketIO

@Suite struct NamespaceTableTests {
    @Test("a name is matched exactly, before any pattern") func names() throws {
        let table = try NamespaceTable([.pattern("^/a"), .name("/ab"), .name("/"), .pattern("^/ab+$")])
        #expect(table.declaration(for: "/ab") == 1)
        #expect(table.declaration(for: "/") == 2)
        #expect(table.declaration(for: "/abb") == 0)
        #expect(table.declaration(for: "/b") == nil)
    }

    @Test("patterns are tried in the order declared") func order() throws {
        let table = try NamespaceTable([.pattern("^/dyn-[0-9]+$"), .pattern("^/dyn-"), .pattern(".*")])
        #expect(table.declaration(for: "/dyn-1") == 0)
        #expect(table.declaration(for: "/dyn-x") == 1)
        #expect(table.declaration(for: "/x") == 2)
    }

    @Test("extended expressions have the same meaning as in C") func extended() throws {
        let table = try NamespaceTable([.pattern("^/(en|de)/[[:alpha:]]{2,3}$")])
        #expect(table.declaration(for: "/de/abc") == 0)
        #expect(table.declaration(for: "/de/abcd") == nil)
        #expect(table.declaration(for: "/fr/abc") == nil)
    }

    @Test("no pattern matches a name with control characters", arguments: ["/a\0b", "/a\nb", "/\u{7F}"])
    func controls(name: ByteString) throws {
        #expect(try NamespaceTable([.pattern(".*")]).declaration(for: name) == nil)
    }

    @Test(
        "a name begins with a slash and has no comma and no control character", arguments: ["", "chat", "/a,b", "/a\n"])
    func badName(name: ByteString) {
        #expect(throws: NamespaceTableError.malformedName(name)) { try NamespaceTable([.name(name)]) }
    }

    @Test("a table with a malformed expression is refused with the position") func badPattern() {
        #expect {
            try NamespaceTable([.name("/"), .pattern("^/(a")])
        } throws: { error in
            "\(error)".hasPrefix("namespace pattern '^/(a': no POSIX extended regular expression: ")
        }
    }
}
