import RawJSON

/// A setting with another value than the one in force. Keys and passwords are never among the values.
struct ConfigurationChange: Sendable, Equatable {
    /// The path of the setting, such as `cors.origin`; only `cors` if the section was switched on or off.
    let key: String
    let old: JSONValue
    let new: JSONValue

    var reloadClass: ReloadClass? { ReloadClass(of: key) }

    var json: JSONValue { ["key": .string(key), "old": old, "new": new] }
}

extension ConfigurationChange: CustomStringConvertible {
    /// `port: 8080 -> 9090`
    var description: String { "\(key): \(old) -> \(new)" }
}

extension Configuration {
    /// What differs from these settings in `new`, in the order of the file, but for the entries of `plugins` and
    /// `bind`.
    func changes(to new: Configuration) -> [ConfigurationChange] {
        let old = Dictionary(uniqueKeysWithValues: settings.map { ($0.key, $0.value) })
        // Keys that only one of the two has belong to a section that is off in the other, whose own key both have.
        var changes = new.settings.compactMap { key, value -> ConfigurationChange? in
            guard !Self.listKeys.contains(key), let before = old[key], before != value else { return nil }
            return ConfigurationChange(key: key, old: before, new: value)
        }
        if let auth, let other = new.auth { changes += auth.keyChanges(to: other) }
        return changes
    }

    /// Keys whose entries are compared one by one; see ``PluginChanges``.
    private static let listKeys = ["plugins", "bind"]
}

extension Configuration.Auth {
    /// The keys for tokens that differ, without their bytes.
    fileprivate func keyChanges(to new: Self) -> [ConfigurationChange] {
        var changes: [ConfigurationChange] = []
        func compare(_ key: String, _ old: [UInt8]?, _ new: [UInt8]?) {
            guard old != new else { return }
            let texts = [old, new].map { $0.map { JSONValue.string("\($0.count) bytes") } ?? .null }
            let isSameSize = texts[0] == texts[1]
            changes.append(
                ConfigurationChange(
                    key: "auth.\(key)", old: texts[0],
                    new: isSameSize ? .string("\(new?.count ?? 0) other bytes") : texts[1]))
        }
        compare("secret", secret?.bytes, new.secret?.bytes)
        compare("publicKey", publicKey, new.publicKey)
        compare("jwks", keySet, new.keySet)
        return changes
    }
}
