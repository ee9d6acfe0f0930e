import Foundation
import Testing

@testable import PluginCheck

@Suite("docs/plugin-check.md")
struct DocumentationTests {
    @Test("the page has a row for each test, with its title and what to do, in the order of --list")
    func rows() throws {
        let page = try String(contentsOfFile: "\(Zoo.root)/docs/plugin-check.md", encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") && !$0.hasPrefix("| `--") }.map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        #expect(rows.map { $0[0] } == CheckTest.all.map { "`\($0.name)`" })
        #expect(rows.map { $0[1] } == CheckTest.all.map(\.title))
        #expect(rows.map { $0[3] } == CheckTest.all.map(\.remedy))
        #expect(rows.allSatisfy { $0.count == 4 && !$0[2].isEmpty })
    }
}
