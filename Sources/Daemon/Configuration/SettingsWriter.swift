import RawJSON

/// Writes settings as YAML, two spaces to a level; strings and lists as JSON, which YAML contains.
struct SettingsWriter {
    private(set) var text = ""
    private var indent = ""

    mutating func comment(_ line: String) {
        text += "\(indent)# \(line)\n"
    }

    mutating func write(_ key: String, json: JSONValue) {
        text += "\(indent)\(key): \(json)\n"
    }

    mutating func write(_ key: String, text: String) {
        write(key, json: .string(text))
    }

    mutating func write(_ key: String, list: [String]) {
        write(key, json: .array(list.map { .string($0) }))
    }

    mutating func write(_ key: String, _ value: Int) {
        write(key, json: .integer(value))
    }

    mutating func write(_ key: String, _ value: Bool) {
        write(key, json: .bool(value))
    }

    mutating func write(_ key: String, _ value: Duration) {
        write(key, value.wholeMilliseconds)
    }

    mutating func write(_ key: String, _ value: some RawRepresentable<String>) {
        text += "\(indent)\(key): \(value.rawValue)\n"
    }

    mutating func write(_ key: String, optional value: String?) {
        write(key, json: value.map { .string($0) } ?? .null)
    }

    mutating func write(_ key: String, optional value: Int?) {
        write(key, json: value.map { .integer($0) } ?? .null)
    }

    mutating func section(_ key: String, _ body: (inout SettingsWriter) -> Void) {
        text += "\(indent)\(key):\n"
        indent += "  "
        body(&self)
        indent.removeLast(2)
    }

    /// `false`, or the section of a feature that is on.
    mutating func feature<Settings>(
        _ key: String, _ settings: Settings?, _ body: (Settings, inout SettingsWriter) -> Void
    ) {
        guard let settings else { return write(key, false) }
        section(key) { body(settings, &$0) }
    }
}
