import Yams

/// Collects the problems of one source (a file, the environment, the command line) instead of stopping at the first.
///
/// Not thread-safe: a reader is used for one call of `Configuration.load`.
final class ConfigurationReader {
    /// The name of the source in problems: a file name, `environment`, `command line`.
    let source: String
    private(set) var problems: [ConfigurationProblem] = []
    /// Every key that was looked up, present or not: the keys that exist, without a second list of them.
    private(set) var vocabulary: Set<String> = []
    private var marks: [String: Mark] = [:]

    init(source: String) {
        self.source = source
    }

    func refuse(_ key: String, at mark: Mark?, _ what: String, _ remedy: String) {
        problems.append(
            ConfigurationProblem(
                source: source, line: mark?.line, column: mark?.column, key: key, what: what, remedy: remedy))
    }

    /// Adds a problem that was found after reading, by comparing settings. It gets the line of its key if this source
    /// has the key, else none.
    func refuse(_ key: String, _ what: String, _ remedy: String) {
        if let mark = marks[key] {
            refuse(key, at: mark, what, remedy)
        } else {
            problems.append(ConfigurationProblem(key: key, what: what, remedy: remedy))
        }
    }

    /// Whether something at or below `key` was refused, so that no second problem is reported for the same lines.
    func refused(_ key: String) -> Bool {
        problems.contains { $0.key == key || $0.key.hasPrefix(key + ".") }
    }

    /// Whether this source has the key, with a value.
    func has(_ key: String) -> Bool { marks[key] != nil }

    func recordKey(_ key: String, at mark: Mark?) {
        marks[key] = mark
    }

    func recordLookup(_ key: String) {
        vocabulary.insert(key)
    }
}

extension ConfigurationReader {
    /// The top level of a YAML text; `nil` if it is empty or cannot be parsed.
    func root(of yaml: String, expanding environment: [String: String]) -> ConfigurationSection? {
        guard let node = compose(yaml) else { return nil }
        let expanded = EnvironmentExpansion(environment: environment, reader: self).expand(node, key: "")
        let value = ConfigurationValue(node: expanded, key: "", reader: self)
        if value.scalar == .null { return nil }
        return value.section("settings, one `key: value` on each line")
    }

    /// Parses a YAML text; a syntax error becomes a problem of `key`.
    func compose(_ yaml: String, key: String = "") -> Node? {
        do {
            // The basic resolver leaves scalars as written. `ConfigurationScalar` types them by the rules of YAML 1.2.
            return try Parser(yaml: yaml, resolver: .basic, encoding: .utf8).singleRoot()
        } catch let error as YamlError {
            report(error, in: yaml, key: key)
        } catch {
            refuse(key, at: nil, "cannot be parsed as YAML", "\(error)")
        }
        return nil
    }

    private func report(_ error: YamlError, in yaml: String, key: String) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let detail = context.map { "\($0.text), line \($0.mark.line)" } ?? ""
            refuse(key, at: mark, "YAML syntax: \(problem)", remedy(forLine: mark.line, of: yaml, detail: detail))
        case .duplicatedKeysInMapping(let duplicates, let context):
            let name = duplicates.first ?? ""
            refuse(key, at: context.mark, "the key '\(name)' stands twice in one section", "keep one of them")
        case .reader(let problem, _, _, _):
            refuse(key, at: nil, "cannot be read as UTF-8 text: \(problem)", "save the file as UTF-8")
        default:
            refuse(key, at: nil, "cannot be parsed as YAML", "\(error)")
        }
    }

    /// A remedy for the three mistakes that cause syntax errors, since the parser does not help with them.
    private func remedy(forLine number: Int, of yaml: String, detail: String) -> String {
        let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false)
        let line = lines.indices.contains(number - 1) ? lines[number - 1] : ""
        if line.contains("${") { return "inside { } or [ ] write the variable in quotes, as \"${NAME}\"" }
        if line.contains("\t") { return "indent with spaces; YAML takes no tabs" }
        if Self.hasUnquotedSignature(line) { return "put quotes around a signature, as \"cos(x: f64) -> f64\"" }
        return detail.isEmpty ? "look at this line and the one before it" : "the parser was \(detail)"
    }

    /// Whether a line has a name with a parenthesis behind it, outside quotes.
    private static func hasUnquotedSignature(_ line: Substring) -> Bool {
        var quotes = 0
        var isName = false
        for byte in line.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): quotes += 1
            case UInt8(ascii: "(") where isName && quotes % 2 == 0: return true
            default: break
            }
            isName = byte | 0x20 &- 0x61 < 26 || byte &- 0x30 < 10 || byte == UInt8(ascii: "_")
        }
        return false
    }
}
