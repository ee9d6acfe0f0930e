/// A group of settings that reads its own section of the file.
protocol ConfigurationSettings {
    /// The defaults.
    init()

    /// Reads the keys that are present over what is set. The caller refuses those that were not asked for.
    mutating func read(_ section: ConfigurationSection)
}
