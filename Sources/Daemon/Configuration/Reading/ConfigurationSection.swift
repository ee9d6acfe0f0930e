import Support
import Yams

/// A mapping of the file. It records which keys are looked up; ``finish()`` refuses all others as unknown.
///
/// A key without a value, or with `null`, counts as absent, so that a section whose lines are all commented out has its
/// defaults.
final class ConfigurationSection {
    private struct Entry {
        let name: String
        let mark: Mark?
        let value: ConfigurationValue
    }

    /// Its path in the file; empty at the top level.
    let key: String
    let reader: ConfigurationReader
    private var entries: [Entry] = []
    private var known: [String] = []
    private var accounted: Set<String> = []

    init(_ mapping: Node.Mapping, key: String, reader: ConfigurationReader) {
        self.key = key
        self.reader = reader
        for (name, node) in mapping {
            guard case .scalar(let scalar) = name else {
                reader.refuse(key, at: name.mark, "a list or section stands where a key belongs", "write `key: value`")
                continue
            }
            let path = self.path(scalar.string)
            let value = ConfigurationValue(node: node, key: path, reader: reader)
            if value.scalar != .null { reader.recordKey(path, at: name.mark) }
            entries.append(Entry(name: scalar.string, mark: name.mark, value: value))
        }
    }

    func path(_ name: String) -> String {
        key.isEmpty ? name : "\(key).\(name)"
    }

    /// The value of a key; `nil` if it is absent, empty or `null`. The call makes the key a known one.
    func value(_ name: String) -> ConfigurationValue? {
        known.append(name)
        accounted.insert(name)
        reader.recordLookup(path(name))
        guard let value = entries.first(where: { $0.name == name })?.value, value.scalar != .null else { return nil }
        return value
    }

    /// Whether the file has the key with a value.
    func has(_ name: String) -> Bool {
        entries.contains { $0.name == name && $0.value.scalar != .null }
    }

    /// All keys with their values, for a section whose keys are names of the operator's. None of them is unknown then.
    var members: [(name: String, value: ConfigurationValue)] {
        entries.map { entry in
            accounted.insert(entry.name)
            return (entry.name, entry.value)
        }
    }

    /// Sets `target` if the key is present and `rule` accepts its value. A refused value leaves the default.
    func read<Value>(_ name: String, into target: inout Value, _ rule: ConfigurationRule<Value>) {
        if let value = value(name), let result = rule.apply(value) { target = result }
    }

    /// Does the same for a setting that is absent by default.
    func read<Value>(_ name: String, intoOptional target: inout Value?, _ rule: ConfigurationRule<Value>) {
        if let value = value(name), let result = rule.apply(value) { target = result }
    }

    /// Does the same for a setting that `null` or `false` switches off. A key without a value counts as absent.
    func read<Value>(_ name: String, switchable target: inout Value?, _ rule: ConfigurationRule<Value>) {
        let written = entries.first { $0.name == name }?.value
        if let value = value(name) {
            if value.scalar == .boolean(false) {
                target = nil
            } else if let result = rule.apply(value) {
                target = result
            }
        } else if written?.scalar == .null, written?.node.scalar?.string.isEmpty == false {
            target = nil
        }
    }

    /// Reads the section under a key into `target`; keys that are absent leave it unchanged.
    func read(_ name: String, into target: inout some ConfigurationSettings) {
        guard let section = value(name)?.section("a section of settings") else { return }
        target.read(section)
        section.finish()
    }

    /// Reads a feature: `false` switches it off, `true` on with `initial`; a section switches it on with `initial`,
    /// changed by the section's keys.
    func read<Settings: ConfigurationSettings>(
        _ name: String, feature target: inout Settings?, initial: Settings = Settings()
    ) {
        guard let value = value(name) else { return }
        if case .boolean(let on) = value.scalar {
            target = on ? initial : nil
        } else if let section = value.section("false, true, or a section of settings") {
            var settings = initial
            settings.read(section)
            section.finish()
            target = settings
        }
    }

    /// Refuses a key that operators may know from elsewhere, with a specific problem. The key is never suggested as a
    /// correction.
    func refuse(_ name: String, _ what: String, _ remedy: String) {
        accounted.insert(name)
        guard let entry = entries.first(where: { $0.name == name }), entry.value.scalar != .null else { return }
        reader.refuse(path(name), at: entry.mark, what, remedy)
    }

    /// Refuses every key that was not looked up. Call it last.
    func finish() {
        for entry in entries where !accounted.contains(entry.name) {
            let remedy =
                if let nearest = Spelling.nearest(to: entry.name, among: known) {
                    "did you mean '\(nearest)'?"
                } else {
                    "known here: \(known.sorted().joined(separator: ", "))"
                }
            reader.refuse(path(entry.name), at: entry.mark, "unknown key", remedy)
        }
    }
}

/// A group of settings that is read from its own section of the file.
protocol ConfigurationSettings {
    /// The defaults.
    init()

    /// Reads the keys that are present; the others stay unchanged. The caller refuses unknown keys.
    mutating func read(_ section: ConfigurationSection)
}
