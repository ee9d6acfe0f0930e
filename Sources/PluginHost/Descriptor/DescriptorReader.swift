import CJackfield
import SocketIO
import Support

/// Reads a filled `jf_plugin` and refuses what breaks a rule of the header, each with one precise sentence.
struct DescriptorReader {
    /// The sentence, without the plugin's name: `event 3: name 'connect' is reserved by Socket.IO`.
    struct Problem: Error {
        var kind = PluginError.Kind.badDescriptor
        let text: String
    }

    /// Longest name of an event or a namespace, in bytes.
    static let longestName = 256
    /// Longest text of any kind, in bytes.
    static let longestText = 65_536
    /// Longest list of declarations; nobody writes that many by hand, but a garbage count is caught by it.
    static let longestList: UInt32 = 65_536
    /// Thirty days in milliseconds, the longest timer.
    static let longestTimer: UInt64 = 30 * 86_400_000

    static func read(_ raw: UnsafePointer<jf_plugin>) throws(Problem) -> PluginDescriptor {
        let plugin = raw.pointee
        // Before anything else: a plugin of another ABI may have put anything anywhere.
        guard plugin.abi == JF_ABI else {
            throw Problem(kind: .incompatible, text: "was built against JF_ABI \(plugin.abi), this host has JF_ABI \(JF_ABI); rebuild it against this host's jackfield.h")
        }
        guard plugin.struct_size >= MemoryLayout<jf_plugin>.size else {
            throw Problem(text: "struct_size is \(plugin.struct_size), less than the \(MemoryLayout<jf_plugin>.size) of the first release; begin with jf_describe")
        }
        let name = try text(plugin.name, "name")
        guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy({ $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") }) else {
            throw Problem(text: "name '\(name)' must be 1 to 64 of a-z, 0-9 and '-'")
        }
        let version = try text(plugin.version, "version")
        guard isSemantic(version.text) else { throw Problem(text: "version '\(version)' is no semantic version such as 1.0.0") }

        var descriptor = PluginDescriptor(name: name.text, version: version.text)
        descriptor.create = plugin.create
        descriptor.start = plugin.start
        descriptor.stop = plugin.stop
        descriptor.destroy = plugin.destroy
        descriptor.presence = plugin.presence
        descriptor.ready = plugin.ready
        descriptor.handshake = plugin.handshake
        descriptor.namespaces = try each(plugin.nsps.items, plugin.nsps.count, plugin.nsps.stride, "nsp", namespace)
        descriptor.events = try each(plugin.events.items, plugin.events.count, plugin.events.stride, "event", event)
        descriptor.routes = try each(plugin.routes.items, plugin.routes.count, plugin.routes.stride, "route", route)
        descriptor.timers = try each(plugin.timers.items, plugin.timers.count, plugin.timers.stride, "timer", timer)
        try refuseDuplicates(in: descriptor)
        return descriptor
    }

    // MARK: Lists

    /// Reads a list item by item; an item may be larger than the one this host knows.
    private static func each<Raw: BitwiseCopyable, Value>(
        _ items: UnsafePointer<Raw>?, _ count: UInt32, _ stride: UInt32, _ what: String, _ read: (Raw) throws(Problem) -> Value
    ) throws(Problem) -> [Value] {
        guard count > 0 else { return [] }
        guard let items else { throw Problem(text: "\(what)s: count is \(count), but there is no list; use JF_LIST") }
        guard count <= longestList else { throw Problem(text: "\(what)s: \(count) are more than the \(longestList) that are possible; use JF_LIST") }
        guard stride >= MemoryLayout<Raw>.size else {
            throw Problem(text: "\(what)s: stride is \(stride), less than the \(MemoryLayout<Raw>.size) of the first release; use JF_LIST")
        }
        var values: [Value] = []
        for index in 0..<Int(count) {
            let item = UnsafeRawPointer(items).loadUnaligned(fromByteOffset: index * Int(stride), as: Raw.self)
            do throws(Problem) {
                values.append(try read(item))
            } catch {
                throw Problem(kind: error.kind, text: "\(what) \(index + 1): \(error.text)")
            }
        }
        return values
    }

    private static func refuseDuplicates(in descriptor: PluginDescriptor) throws(Problem) {
        for (index, event) in descriptor.events.enumerated() where !event.observes {
            if descriptor.events[..<index].contains(where: { !$0.observes && $0.name == event.name && $0.namespace == event.namespace }) {
                throw Problem(text: "event \(index + 1): \(event.title) is declared twice")
            }
        }
        for (index, namespace) in descriptor.namespaces.enumerated()
        where descriptor.namespaces[..<index].contains(where: { $0.name == namespace.name && $0.isPattern == namespace.isPattern }) {
            throw Problem(text: "nsp \(index + 1): '\(namespace.name)' is declared twice")
        }
        for (index, route) in descriptor.routes.enumerated()
        where descriptor.routes[..<index].contains(where: { $0.method == route.method && $0.path.isSameShape(as: route.path) }) {
            throw Problem(text: "route \(index + 1): \(route.method) \(route.path) is declared twice")
        }
    }

    // MARK: Items

    private static func event(_ raw: jf_event_decl) throws(Problem) -> EventDeclaration {
        let name = try text(raw.name, "name")
        let namespace = try text(raw.nsp, "nsp")
        let title = name.isEmpty ? "" : "'\(name)': "
        guard name.utf8.count <= longestName else { throw Problem(text: "the name has \(name.utf8.count) bytes, more than \(longestName)") }
        guard !PacketEncoder.isReserved(name: raw.name.bytes) else {
            throw Problem(text: "name '\(name)' is reserved by Socket.IO")
        }
        guard let handler = raw.handler else { throw Problem(text: "\(title)handler is NULL") }
        guard raw.flags & ~JF_EVENT_OBSERVE == 0 else { throw Problem(text: "\(title)flags 0x\(String(raw.flags, radix: 16)) are not all known to this host") }
        // A pattern cannot be told from a misspelt name here: both are looked up among the namespaces that exist.
        guard namespace.isEmpty || namespace.hasPrefix("/") || namespace.hasPrefix("^") else {
            throw Problem(text: "\(title)nsp '\(namespace)' must begin with '/', or be a pattern that begins with '^'")
        }
        let run: RunMode
        if raw.run == JF_RUN_BY_KEY {
            let key = try text(raw.run_key, "run_key")
            guard key.hasPrefix("/") else {
                throw Problem(text: "\(title)run_key '\(key)' must be a JSON pointer into the arguments, such as \"/0/room\"")
            }
            run = .byKey(key)
        } else {
            run = try runMode(raw.run, title)
        }
        return EventDeclaration(
            namespace: namespace.isEmpty ? "/" : namespace, name: name, handler: handler, context: raw.context, run: run,
            observes: raw.flags & JF_EVENT_OBSERVE != 0)
    }

    private static func namespace(_ raw: jf_nsp_decl) throws(Problem) -> NamespaceDeclaration {
        let name = try text(raw.name, "name")
        guard raw.flags & ~JF_NSP_PATTERN == 0 else { throw Problem(text: "'\(name)': flags 0x\(String(raw.flags, radix: 16)) are not all known to this host") }
        let isPattern = raw.flags & JF_NSP_PATTERN != 0
        guard (1...longestName).contains(name.utf8.count) else { throw Problem(text: "the name must have 1 to \(longestName) bytes") }
        do throws(NamespaceTableError) {
            _ = try NamespaceTable([isPattern ? .pattern(name) : .name(name)])
        } catch {
            throw Problem(text: "\(error)" + (isPattern ? "" : "; a pattern needs JF_NSP_PATTERN"))
        }
        guard raw.run != JF_RUN_BY_KEY else { throw Problem(text: "'\(name)': JF_RUN_BY_KEY is for events and routes") }
        return NamespaceDeclaration(
            name: name, isPattern: isPattern, run: try runMode(raw.run, "'\(name)': "), admit: raw.admit, connected: raw.connected,
            disconnecting: raw.disconnecting, disconnected: raw.disconnected, context: raw.context)
    }

    private static func route(_ raw: jf_route_decl) throws(Problem) -> RouteDeclaration {
        let method = try text(raw.method, "method")
        guard (1...32).contains(method.utf8.count), method.utf8.allSatisfy({ $0 &- 0x41 < 26 }) else {
            throw Problem(text: "method '\(method)' must be capital letters, such as GET")
        }
        let path: RoutePath
        do throws(RoutePath.Malformed) {
            path = try RoutePath(try textOrThrow(raw.path).text)
        } catch {
            throw Problem(text: error.problem)
        }
        let title = "\(method) \(path): "
        guard let handler = raw.handler else { throw Problem(text: "\(title)handler is NULL") }
        let run: RunMode
        if raw.run == JF_RUN_BY_KEY {
            let key = try text(raw.run_key, "run_key")
            guard path.segments.contains(.parameter(key)) else { throw Problem(text: "\(title)run_key '\(key)' is no {parameter} of the path") }
            run = .byKey(key)
        } else {
            run = try runMode(raw.run, title)
        }
        let scope = try text(raw.scope, "scope")
        let token: RouteAccess.Token
        switch raw.auth {
        case JF_AUTH_REQUIRED: token = .required
        case JF_AUTH_OPTIONAL: token = .optional
        case JF_AUTH_NONE: token = .ignored
        default: throw Problem(text: "\(title)auth \(raw.auth) is no JF_AUTH_* of this host")
        }
        guard scope.isEmpty || token == .required else { throw Problem(text: "\(title)a scope needs JF_AUTH_REQUIRED") }
        return RouteDeclaration(
            method: method, path: path, handler: handler, context: raw.context, run: run, access: RouteAccess(token, scope: scope.isEmpty ? nil : scope))
    }

    private static func timer(_ raw: jf_timer_decl) throws(Problem) -> TimerDeclaration {
        guard let handler = raw.handler else { throw Problem(text: "handler is NULL") }
        guard (10...longestTimer).contains(raw.interval) else {
            throw Problem(text: "interval is \(raw.interval) ms; it must be 10 to \(longestTimer)")
        }
        return TimerDeclaration(handler: handler, context: raw.context, interval: Int64(raw.interval))
    }

    // MARK: Values

    private static func runMode(_ raw: UInt32, _ title: String) throws(Problem) -> RunMode {
        switch raw {
        case JF_RUN_STRAND: .strand
        case JF_RUN_BY_USER: .byUser
        case JF_RUN_PARALLEL: .parallel
        case JF_RUN_INLINE: .inline
        default: throw Problem(text: "\(title)run \(raw) is no JF_RUN_* of this host")
        }
    }

    private static func text(_ raw: jf_text, _ field: String) throws(Problem) -> ByteString {
        guard raw.len > 0 else { return "" }
        guard raw.ptr != nil else { throw Problem(text: "\(field) is NULL with a length of \(raw.len)") }
        guard raw.len <= longestText else { throw Problem(text: "\(field) has \(raw.len) bytes, more than \(longestText)") }
        guard let string = ByteString(validating: raw.bytes, limit: longestText) else { throw Problem(text: "\(field) is no UTF-8") }
        guard !string.utf8.contains(0) else { throw Problem(text: "\(field) holds a zero byte; JF_LIT is for literals, use jf_text_of for pointers") }
        return string
    }

    private static func textOrThrow(_ raw: jf_text) throws(RoutePath.Malformed) -> ByteString {
        do throws(Problem) {
            return try text(raw, "path")
        } catch {
            throw RoutePath.Malformed(problem: error.text)
        }
    }

    /// `MAJOR.MINOR.PATCH`, and whatever of `-…` and `+…` follows.
    private static func isSemantic(_ version: String) -> Bool {
        guard version.utf8.count <= 64 else { return false }
        let core = version.prefix { $0 != "-" && $0 != "+" }.split(separator: ".", omittingEmptySubsequences: false)
        return core.count == 3 && core.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { $0 &- 0x30 < 10 } }
    }
}

extension EventDeclaration {
    /// How a message speaks of it: `'hello' of '/'`.
    var title: String { name.isEmpty ? "the catch-all of '\(namespace)'" : "'\(name)' of '\(namespace)'" }
}
