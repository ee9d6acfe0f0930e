import Glibc
import RawJSON
import Support

/// One crash, as the handler of fatal signals writes it into the ``CrashFile``: a line with a JSON object.
struct CrashRecord: Equatable {
    /// When it was, in milliseconds since 1970.
    var time: Int64
    /// The process that ended.
    var pid: Int64
    /// Such as `SIGSEGV`.
    var signal: String
    var thread: String
    /// The plugin that was named, and its file; `nil` if the host itself crashed.
    var plugin: String?
    var file: String?
    /// The callback that ran; `nil` on a thread of the plugin's own.
    var callback: String?
    /// Whether a start of the daemon has logged it.
    var isReported = false

    /// Bytes of a text; longer ones are cut.
    private static let longestText = 512

    /// Reads a line. Its bytes may be anything: another program may have written them.
    ///
    /// - Returns: `nil` if the line is no record.
    init?(line: UnsafeRawBufferPointer) {
        guard let value = try? JSONValue(parsing: line) else { return nil }
        func text(_ key: ByteString) -> String? {
            guard let text = value[key]?.string?.text, !text.isEmpty else { return nil }
            return text.cut(to: Self.longestText)
        }
        func number(_ key: ByteString) -> Int64? {
            guard case .number(let digits)? = value[key] else { return nil }
            return Int64(digits.text)
        }
        guard let time = number("at"), time >= 0, let signal = text("signal") else { return nil }
        self.time = time
        self.signal = signal
        pid = number("pid") ?? 0
        thread = text("thread") ?? "?"
        plugin = text("plugin")
        file = text("file")
        callback = text("callback")
        isReported = value["reported"] == .bool(true)
    }

    /// The line, with its end.
    var line: [UInt8] {
        var members: [JSONValue.Member] = [
            .init("at", .integer(time)), .init("pid", .integer(pid)), .init("signal", .string(signal)),
            .init("thread", .string(thread)),
        ]
        if let plugin { members.append(.init("plugin", .string(plugin))) }
        if let file { members.append(.init("file", .string(file))) }
        if let callback { members.append(.init("callback", .string(callback))) }
        members.append(.init("reported", .bool(isReported)))
        return JSONValue.object(members).serialized + [UInt8(ascii: "\n")]
    }

    /// What happened, for the log of the next start.
    var description: String {
        let process = "process \(pid) was ended by \(signal) at \(RFC3339.text(milliseconds: time))"
        guard let plugin else { return "\(process) in the host itself, on thread \(thread)" }
        let place = callback.map { "\($0) on thread \(thread)" } ?? "a thread of its own, \(thread)"
        return "\(process) in plugin '\(plugin)' (\(file ?? "no file")): \(place)"
    }

    /// Whether the plugin's file was changed, replaced or removed after the crash: the new version may be better.
    var isOutdated: Bool {
        guard let file else { return false }
        var status = stat()
        guard stat(file, &status) == 0 else { return true }
        return Int64(status.st_ctim.tv_sec) * 1_000 + Int64(status.st_ctim.tv_nsec) / 1_000_000 > time
    }

    /// Whether it names the plugin of a configuration's entry.
    func names(_ entry: Configuration.Plugin) -> Bool {
        guard let plugin else { return false }
        if let name = entry.name { return ByteString(name) == ByteString(plugin) }
        // Without a name in the configuration it has the one of its descriptor, which is known only when it is loaded.
        guard let file else { return false }
        return ByteString(String(Self.name(of: file))) == ByteString(String(Self.name(of: entry.path)))
    }

    /// The name of a file without its folder, `lib` and `.so`.
    private static func name(of path: String) -> Substring {
        var name = path.split(separator: "/").last ?? ""
        if name.hasSuffix(".so") { name.removeLast(3) }
        if name.hasPrefix("lib"), name.count > 3 { name.removeFirst(3) }
        return name
    }
}

extension Configuration {
    /// Puts each plugin that has `onCrash: isolate`, and that a record names, into a process of its own.
    ///
    /// - Returns: the records, each with the name of the plugin that is isolated for it.
    @discardableResult
    mutating func isolate(_ crashes: [CrashRecord]) -> [CrashRecord] {
        var found: [CrashRecord] = []
        for index in plugins.indices where plugins[index].onCrash == .isolate && plugins[index].isolation == .none {
            guard let crash = crashes.last(where: { $0.names(plugins[index]) && !$0.isOutdated }) else { continue }
            plugins[index].isolation = .process
            found.append(crash)
        }
        return found
    }
}
