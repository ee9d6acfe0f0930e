import Glibc
import Isolation
import PluginHost

extension Configuration {
    /// A shared library to load.
    public struct Plugin: Sendable, Equatable {
        /// A name to look up in `pluginPath`, or a path when it contains a slash.
        public var path: String
        /// Its name in logs, metrics and commands; `nil`: the name in its descriptor. One file can be loaded under
        /// several names.
        public var name: String?
        public var isolation = PluginSpec.Isolation.none
        /// The worker process, with `isolation: process`.
        public var worker = WorkerOptions()
        /// What the next start does with it after it has ended the daemon.
        public var onCrash = OnCrash.none
        /// Whether the daemon refuses to start without it.
        public var required = false
        /// Whether the daemon loads it again when its file changes.
        public var watch = false
        /// The plugin's own configuration as JSON text; `null` if there is none.
        public var config: [UInt8] = Array("null".utf8)

        public init(path: String) {
            self.path = path
        }
    }
}

extension Configuration.Plugin {
    /// What a start does with a plugin that ended the daemon before, by a segmentation fault for instance.
    public enum OnCrash: String, Sendable, CaseIterable {
        /// It is loaded as before.
        case none
        /// It runs in a process of its own, until its file changes.
        case isolate
    }
}

extension ConfigurationRule where Value == Configuration.Plugin {
    /// A section, or only the plugin's name.
    static var plugin: Self {
        ConfigurationRule { value in
            if case .text(let path)? = value.scalar, !path.isEmpty { return Configuration.Plugin(path: path) }
            guard let section = value.section("the name of a plugin, or a section with its path") else { return nil }
            var path: String?
            section.read("path", intoOptional: &path, .text)
            var plugin = Configuration.Plugin(path: path ?? "")
            section.read("name", intoOptional: &plugin.name, .pluginName)
            section.read("isolation", into: &plugin.isolation, .choice())
            section.read("worker", into: &plugin.worker, .worker)
            section.read("onCrash", into: &plugin.onCrash, .choice())
            section.read("required", into: &plugin.required, .boolean)
            section.read("watch", into: &plugin.watch, .boolean)
            section.read("config", into: &plugin.config, .json)
            section.finish()
            guard path != nil else {
                if !value.reader.refused(section.path("path")) {
                    value.refuse("the entry names no plugin", "add path: with a name or the path of a .so")
                }
                return nil
            }
            return plugin
        }
    }
}

extension ConfigurationRule where Value == WorkerOptions {
    /// The worker process of a plugin.
    static var worker: Self {
        ConfigurationRule { value in
            guard let section = value.section("the worker process of the plugin") else { return nil }
            var worker = WorkerOptions()
            section.read("hangAfter", into: &worker.hangAfter, .integer(0...86_400_000, "milliseconds"))
            section.read("memoryLimit", into: &worker.memoryLimit, .integer(0...(1 << 50), "bytes"))
            section.read("longestBackOff", into: &worker.longestBackOff, .integer(100...86_400_000, "milliseconds"))
            section.read("seccomp", into: &worker.limits.seccomp, .boolean)
            section.read("coreBytes", intoOptional: &worker.limits.coreBytes, .integer(0...(1 << 50), "bytes"))
            section.read("openFiles", intoOptional: &worker.limits.openFiles, .integer(64...(1 << 20), "files"))
            section.read("processes", intoOptional: &worker.limits.processes, .integer(1...(1 << 20), "processes"))
            section.read("user", intoOptional: &worker.limits.user, .workerUser)
            section.finish()
            return worker
        }
    }
}

extension ConfigurationRule where Value == WorkerLimits.User {
    /// The name of a user of this machine.
    static var workerUser: Self {
        ConfigurationRule { value in
            guard let name = ConfigurationRule<String>.text.apply(value) else { return nil }
            guard let entry = getpwnam(name) else {
                value.refuse("there is no user '\(name)' on this machine", "make the user, or write another name")
                return nil
            }
            return WorkerLimits.User(id: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
        }
    }
}

extension ConfigurationRule where Value == [Configuration.Plugin] {
    /// Plugins in loading order, each with a different name.
    static var plugins: Self {
        ConfigurationRule { value in
            guard let elements = value.elements else {
                value.refuse("\(value.described) stands here", "expected a list, one `- path: name` on each line")
                return nil
            }
            var plugins: [Configuration.Plugin] = []
            for element in elements {
                guard let plugin = ConfigurationRule<Configuration.Plugin>.plugin.apply(element) else { continue }
                if plugins.contains(where: { $0.path == plugin.path && $0.name == plugin.name }) {
                    element.refuse(
                        "plugin '\(plugin.path)' is listed twice",
                        "remove one of the entries, or give each a name of its own with name:")
                } else if let name = plugin.name, plugins.contains(where: { $0.name == name }) {
                    element.refuse("two plugins have the name '\(name)'", "give each a name of its own")
                } else {
                    plugins.append(plugin)
                }
            }
            return plugins
        }
    }
}

extension ConfigurationRule where Value == String {
    /// A name that a plugin may have.
    static var pluginName: Self {
        text.and(
            { name in
                name.utf8.count <= 64
                    && name.utf8.allSatisfy { $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") }
            },
            "this is not the name of a plugin", "write 1 to 64 of a-z, 0-9 and '-'")
    }
}

extension Configuration {
    /// A plugin on the command line: `PATH`, or `PATH=CONFIG` with the plugin's configuration in JSON or YAML.
    public struct PluginArgument: Sendable, Equatable {
        public var path: String
        /// The configuration as typed; `nil`: the plugin's own defaults.
        public var config: String?

        public init(path: String, config: String? = nil) {
            self.path = path
            self.config = config
        }

        /// Splits at the first `=`; `nil` when no path stands before it.
        public init?(argument: String) {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let path = parts.first, !path.isEmpty else { return nil }
            self.init(path: String(path), config: parts.count == 2 ? String(parts[1]) : nil)
        }
    }
}
