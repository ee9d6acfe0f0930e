import Glibc

/// From what an operator wrote to a file.
enum PluginFinder {
    /// The path of the library that `path` means.
    ///
    /// - Throws: ``PluginError`` of kind `missing`, with every place that was looked at.
    static func find(_ path: String, in folders: [String]) throws(PluginError) -> String {
        if path.contains("/") {
            guard isFile(path) else {
                throw PluginError(.missing, plugin: name(of: path), path: path, "there is no such file; give the path of a shared library, or a name to look up in pluginPath")
            }
            return path
        }
        let names = path.hasSuffix(".so") ? [path] : ["\(path).so", "lib\(path).so"]
        for folder in folders {
            for name in names {
                let candidate = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
                if isFile(candidate) { return candidate }
            }
        }
        let places = folders.isEmpty ? "pluginPath is empty" : "looked in \(folders.joined(separator: ", "))"
        throw PluginError(.missing, plugin: path, path: nil, "there is no \(names.joined(separator: " or ")); \(places); to name a file, write a path with a slash")
    }

    /// What a plugin is called before it has said its name: the file's name without `lib` and `.so`.
    static func name(of path: String) -> String {
        var name = path.split(separator: "/").last.map(String.init) ?? path
        if name.hasSuffix(".so") { name.removeLast(3) }
        if name.hasPrefix("lib"), name.count > 3 { name.removeFirst(3) }
        return name
    }

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
