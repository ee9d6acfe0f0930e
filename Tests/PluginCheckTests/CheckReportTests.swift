import Foundation
import FoundationXML
import RawJSON
import Testing

@testable import PluginCheck

@Suite("The report of a check")
struct CheckReportTests {
    private let report = CheckReport([
        CheckReport.File(
            path: "a <b> & \"c\".so",
            results: [
                CheckResult(test: "image-file", milliseconds: 1),
                CheckResult(
                    test: "life", findings: [CheckFinding(.failure, "it said <\u{1}\u{FFFF}> & left\nearly")],
                    milliseconds: 1_234),
                CheckResult(test: "acks", findings: [CheckFinding(.warning, "'x' waits")]),
                CheckResult(test: "memory", skipped: "life has not passed"),
            ])
    ])

    @Test("JSON has each file, each test and each finding")
    func json() throws {
        let json = try JSONValue(parsing: report.json)
        #expect(json["passed"] == .bool(false))
        let file = try #require(json["files"]?.array?.first)
        #expect(file["path"]?.string?.text == "a <b> & \"c\".so")
        let tests = try #require(file["tests"]?.array)
        #expect(tests.map { $0["verdict"]?.string?.text } == ["passed", "failed", "warned", "skipped"])
        #expect(tests[1]["findings"]?.array?.first?["severity"]?.string?.text == "failure")
        #expect(tests[3]["reason"]?.string?.text == "life has not passed")
    }

    @Test("JUnit's XML is well formed, whatever a plugin prints, and counts right")
    func junit() throws {
        let reader = Reader()
        let parser = XMLParser(data: Data(report.junit.utf8))
        parser.delegate = reader
        #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "")")
        let suite = try #require(reader.elements.first { $0.name == "testsuite" })
        #expect(suite.attributes["name"] == "a <b> & \"c\".so")
        #expect(suite.attributes["tests"] == "4" && suite.attributes["failures"] == "1")
        #expect(suite.attributes["skipped"] == "1" && suite.attributes["time"] == "1.235")
        #expect(reader.elements.count { $0.name == "testcase" } == 4)
        let failure = try #require(reader.elements.first { $0.name == "failure" })
        #expect(failure.attributes["message"] == "it said <\u{FFFD}\u{FFFD}> & left\nearly")
    }

    @Test("the lines of a test say what was wrong and what to do, without control characters")
    func text() {
        let results = CheckReport.File(
            path: "x.so", results: [CheckResult(test: "life", findings: [CheckFinding(.failure, "bad \u{1B}[31m")])])
        #expect(
            CheckReport.text(results.results[0]) == """
                FAIL  life: it is created, started, stopped and destroyed
                        bad \u{FFFD}[31m
                        To do: Return from each of these callbacks in time, with an error if something is wrong.
                """)
        #expect(CheckReport.summary(results) == "x.so: 0 passed, 1 failed (life)")
    }

    /// Collects the elements.
    private final class Reader: NSObject, XMLParserDelegate {
        var elements: [(name: String, attributes: [String: String])] = []

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            elements.append((name, attributes))
        }
    }
}
