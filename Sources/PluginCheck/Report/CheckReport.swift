import RawJSON

/// The results of all files, in the forms that people and programs read.
public struct CheckReport: Sendable {
    /// The results of one file, in the order of the tests.
    public struct File: Sendable {
        public let path: String
        public let results: [CheckResult]

        public init(path: String, results: [CheckResult]) {
            self.path = path
            self.results = results
        }

        func count(_ verdict: CheckResult.Verdict) -> Int { results.count { $0.verdict == verdict } }
    }

    private let files: [File]

    public init(_ files: [File]) {
        self.files = files
    }

    public var hasFailed: Bool { files.contains { $0.count(.failed) > 0 } }

    // MARK: For people

    /// The lines of one test: `FAIL  acks: …`, and what to do.
    public static func text(_ result: CheckResult) -> String {
        let label =
            switch result.verdict {
            case .passed: "pass"
            case .failed: "FAIL"
            case .warned: "warn"
            case .skipped: "skip"
            }
        guard let test = CheckTest.named(result.test) else { return "\(label)  \(result.test)" }
        var lines = ["\(label)  \(result.test): \(result.skipped ?? test.title)"]
        lines += result.findings.map { finding in
            let kind =
                switch finding.severity {
                case .failure: ""
                case .warning: "warning: "
                case .note: "note: "
                }
            return "        \(kind)\(visible(finding.text))"
        }
        if result.verdict == .failed || result.verdict == .warned { lines.append("        To do: \(test.remedy)") }
        return lines.joined(separator: "\n")
    }

    /// The last line for a file: `hello.so: 30 passed, 1 failed: acks`.
    public static func summary(_ file: File) -> String {
        var parts = ["\(file.count(.passed)) passed"]
        for (verdict, word) in [
            (CheckResult.Verdict.failed, "failed"), (.warned, "with warnings"), (.skipped, "skipped"),
        ] {
            let names = file.results.filter { $0.verdict == verdict }.map(\.test)
            if !names.isEmpty { parts.append("\(names.count) \(word) (\(names.joined(separator: ", ")))") }
        }
        return "\(file.path): \(parts.joined(separator: ", "))"
    }

    /// Control characters would change the terminal.
    private static func visible(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "\u{FFFD}" : $0 }))
    }

    // MARK: JSON

    /// `{"passed", "files": [{"path", "passed", "tests": [{"name", "group", "verdict", "findings", …}]}]}`.
    public var json: [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.boolean(!hasFailed, key: "passed")
        json.beginArray("files")
        for file in files {
            json.beginObject()
            json.text(file.path, key: "path")
            json.boolean(file.count(.failed) == 0, key: "passed")
            json.beginArray("tests")
            for result in file.results { write(result, &json) }
            json.endArray()
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private func write(_ result: CheckResult, _ json: inout JSONWriter) {
        json.beginObject()
        json.text(result.test, key: "name")
        json.text(CheckTest.named(result.test)?.group.rawValue ?? "", key: "group")
        json.text(result.verdict.rawValue, key: "verdict")
        if let skipped = result.skipped { json.text(skipped, key: "reason") }
        json.integer(result.milliseconds, key: "milliseconds")
        json.beginArray("findings")
        for finding in result.findings {
            json.beginObject()
            json.text(finding.severity.rawValue, key: "severity")
            json.text(finding.text, key: "text")
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }

    // MARK: JUnit

    /// JUnit's XML: a suite for each file. Warnings and notes are the output of a test.
    public var junit: String {
        var lines = [#"<?xml version="1.0" encoding="UTF-8"?>"#, "<testsuites>"]
        for file in files {
            let time = file.results.reduce(0) { $0 + $1.milliseconds }
            lines.append(
                "  <testsuite name=\"\(Self.escaped(file.path))\" tests=\"\(file.results.count)\" failures=\"\(file.count(.failed))\" errors=\"0\" skipped=\"\(file.count(.skipped))\" time=\"\(Self.seconds(time))\">"
            )
            for result in file.results { lines += junit(result) }
            lines.append("  </testsuite>")
        }
        return (lines + ["</testsuites>", ""]).joined(separator: "\n")
    }

    private func junit(_ result: CheckResult) -> [String] {
        let test = CheckTest.named(result.test)
        let head =
            "    <testcase classname=\"\(test?.group.rawValue ?? "")\" name=\"\(Self.escaped(result.test))\" time=\"\(Self.seconds(result.milliseconds))\""
        var body: [String] = []
        if let skipped = result.skipped { body.append("      <skipped message=\"\(Self.escaped(skipped))\"/>") }
        let failures = result.findings.filter { $0.severity == .failure }.map(\.text)
        if let first = failures.first {
            let text = (failures + ["To do: \(test?.remedy ?? "")"]).joined(separator: "\n")
            body.append("      <failure message=\"\(Self.escaped(first))\">\(Self.escaped(text))</failure>")
        }
        let others = result.findings.filter { $0.severity != .failure }.map { "\($0.severity.rawValue): \($0.text)" }
        if !others.isEmpty {
            body.append("      <system-out>\(Self.escaped(others.joined(separator: "\n")))</system-out>")
        }
        return body.isEmpty ? [head + "/>"] : [head + ">"] + body + ["    </testcase>"]
    }

    private static func seconds(_ milliseconds: Int) -> String {
        let rest = "\(milliseconds % 1_000)"
        return "\(milliseconds / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }

    /// Text for XML 1.0, which has no control characters but tab and line break.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\n": escaped += "&#10;"
            case "\t": escaped += " "
            default:
                let isAllowed = scalar.value >= 0x20 && scalar.value != 0xFFFE && scalar.value != 0xFFFF
                escaped.unicodeScalars.append(isAllowed ? scalar : "\u{FFFD}")
            }
        }
        return escaped
    }
}
