import CJackfield
import Signatures
import SocketIO
import Support

/// Reads a filled `jf_plugin`, and refuses a descriptor that breaks a rule of the header with one precise sentence.
struct DescriptorReader {
    /// The sentence, without the plugin's name, such as: `event 3: name 'connect' is reserved by Socket.IO`.
    struct Problem: Error {
        var kind = PluginError.Kind.badDescriptor
        let text: String
    }

    /// Longest name of an event, in bytes; the header promises this number.
    static let longestName = 512
    /// Longest name of a namespace, in bytes; the header promises this number.
    static let longestNamespace = 256
    /// Most entries in the list of further namespaces of one declaration; the header promises this number.
    static let mostNamespaces: UInt32 = 1_000
    /// Longest text of any kind, in bytes.
    static let longestText = 65_536
    /// Longest list of declarations. No plugin has so many; the limit catches a garbage count.
    static let longestList: UInt32 = 65_536
    /// Thirty days in milliseconds, the longest timer.
    static let longestTimer: UInt64 = 30 * 86_400_000

    /// - Parameters:
    ///   - raw: points into a block of `JF_PLUGIN_SIZE` bytes.
    ///   - socketPath: the path where Socket.IO is served.
    static func read(_ raw: UnsafePointer<jf_plugin>, socketPath: String) throws(Problem) -> PluginDescriptor {
        let block = UnsafeRawBufferPointer(start: raw, count: Int(JF_PLUGIN_SIZE))
        guard block.contains(where: { $0 != 0 }) else {
            throw Problem(text: "the descriptor is empty: call jf_describe first")
        }
        let plugin = raw.pointee
        // Checked first, because the layout of another ABI is unknown.
        guard plugin.abi == JF_ABI else {
            throw Problem(
                kind: .incompatible, text: "built against JF_ABI \(plugin.abi), this host needs \(JF_ABI): rebuild it")
        }
        let size = Int(plugin.struct_size)
        guard size == 0 || size >= jf_plugin.firstSize else {
            throw Problem(
                text:
                    "struct_size is \(size), less than the \(jf_plugin.firstSize) of the first release; begin with jf_describe"
            )
        }
        guard size <= JF_PLUGIN_SIZE else {
            throw Problem(text: "struct_size is \(size), more than the JF_PLUGIN_SIZE of \(JF_PLUGIN_SIZE)")
        }
        if let offset = block.indices.dropFirst(MemoryLayout<jf_plugin>.size).first(where: { block[$0] != 0 }) {
            throw Problem(
                kind: .incompatible,
                text:
                    "byte \(offset) of the descriptor is not 0: a field that this host does not know; load it into a newer host"
            )
        }
        let name = try text(plugin.name, "name")
        try checkName(name, "name")
        let version = try text(plugin.version, "version")
        guard isSemantic(version.text) else {
            throw Problem(text: "version '\(shown(version))' is no semantic version such as 1.0.0, of at most 64 bytes")
        }

        var descriptor = PluginDescriptor(name: name.text, version: version.text)
        descriptor.create = plugin.create
        descriptor.start = plugin.start
        descriptor.stop = plugin.stop
        descriptor.destroy = plugin.destroy
        descriptor.presence = plugin.presence
        descriptor.ready = plugin.ready
        descriptor.handshake = plugin.handshake
        descriptor.save = plugin.save
        descriptor.restore = plugin.restore
        descriptor.resumed = plugin.resumed
        descriptor.namespaces = try each(
            plugin.nsps.items, plugin.nsps.count, plugin.nsps.stride, firstSize: 80, "nsp", namespaces
        ).flatMap { $0 }
        descriptor.events = try each(
            plugin.events.items, plugin.events.count, plugin.events.stride, firstSize: 88, "event", events
        ).flatMap { $0 }
        descriptor.routes = try each(
            plugin.routes.items, plugin.routes.count, plugin.routes.stride, firstSize: 88, "route"
        ) { (raw, _) throws(Problem) in
            try route(raw, socketPath)
        }
        descriptor.timers = try each(
            plugin.timers.items, plugin.timers.count, plugin.timers.stride, firstSize: 24, "timer", timer)
        descriptor.services = try each(
            plugin.services.items, plugin.services.count, plugin.services.stride, firstSize: 40, "service", service)
        descriptor.functions = try each(
            plugin.functions.items, plugin.functions.count, plugin.functions.stride, firstSize: 80, "function", function
        )
        descriptor.emits = try each(
            plugin.emits.items, plugin.emits.count, plugin.emits.stride, firstSize: 48, "emit", emit)
        try refuseDuplicateServices(in: descriptor)
        try refuseDuplicates(in: descriptor)
        return descriptor
    }

    /// Checks that a plugin's name is valid.
    static func checkName(_ name: ByteString, _ what: StaticString) throws(Problem) {
        guard (1...64).contains(name.utf8.count),
            name.utf8.allSatisfy({ $0 &- 0x61 < 26 || $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") })
        else {
            throw Problem(text: "\(what) '\(shown(name))' must be 1 to 64 of a-z, 0-9 and '-'")
        }
    }

    // MARK: Lists

    /// Reads a list of items; the plugin's items may be smaller or larger than the ones that this host knows.
    ///
    /// - Parameter firstSize: size of an item in the first release of the header.
    static func each<Raw: BitwiseCopyable, Value>(
        _ items: UnsafePointer<Raw>?, _ count: UInt32, _ stride: UInt32, firstSize: Int, _ what: String,
        _ read: (Raw, _ number: Int) throws(Problem) -> Value
    ) throws(Problem) -> [Value] {
        guard count > 0 else {
            guard items == nil else {
                throw Problem(text: "\(what)s: there is a list, but count is 0; use JF_SET_LIST, or leave items NULL")
            }
            return []
        }
        guard let items else { throw Problem(text: "\(what)s: count is \(count), but items is NULL; use JF_SET_LIST") }
        guard count <= longestList else {
            throw Problem(
                text: "\(what)s: \(count) are more than the \(longestList) that are possible; use JF_SET_LIST")
        }
        let step = stride == 0 ? firstSize : Int(stride)
        var values: [Value] = []
        for index in 0..<Int(count) {
            let raw: Raw
            do throws(HostCallError) {
                raw = try PluginMemory.read(
                    UnsafeRawPointer(items) + index * step, size: Int(stride), first: firstSize, as: Raw.self, "stride",
                    of: "\(what) \(index + 1)")
            } catch {
                guard error.code == JF_E_INVALID else { throw Problem(kind: .incompatible, text: error.problem) }
                throw Problem(text: "\(what)s: \(error.problem), or use JF_SET_LIST")
            }
            do throws(Problem) {
                values.append(try read(raw, index + 1))
            } catch {
                throw Problem(kind: error.kind, text: "\(what) \(index + 1): \(error.text)")
            }
        }
        return values
    }

    /// The namespaces of a declaration: the one in `own`, and those of the list.
    private static func names(
        _ own: ByteString?, _ list: UnsafePointer<jf_text>?, _ count: UInt32, _ field: StaticString
    ) throws(Problem) -> [ByteString] {
        var names = own.map { [$0] } ?? []
        guard count <= mostNamespaces else { throw Problem(text: "\(field): \(count) are more than \(mostNamespaces)") }
        guard count > 0 else {
            guard list == nil else { throw Problem(text: "\(field): there is a list, but its count is 0") }
            return names
        }
        guard let list else { throw Problem(text: "\(field): the count is \(count), but the list is NULL") }
        for index in 0..<Int(count) {
            let name = try text(list[index], "\(field)[\(index)]")
            guard !name.isEmpty else { throw Problem(text: "\(field)[\(index)] is empty") }
            names.append(name)
        }
        return names
    }

    private static func refuseDuplicates(in descriptor: PluginDescriptor) throws(Problem) {
        for (index, event) in descriptor.events.enumerated() where !event.observes {
            if descriptor.events[..<index].contains(where: {
                !$0.observes && $0.name == event.name && $0.namespace == event.namespace
            }) {
                throw Problem(text: "event \(event.number): \(event.title) is declared twice")
            }
        }
        for (index, function) in descriptor.functions.enumerated() {
            let isTwice =
                descriptor.events.contains {
                    !$0.observes && $0.name == function.name && $0.namespace == function.namespace
                }
                || descriptor.functions[..<index].contains {
                    $0.name == function.name && $0.namespace == function.namespace
                }
            if isTwice { throw Problem(text: "function \(function.number): \(function.title) is declared twice") }
        }
        for (index, namespace) in descriptor.namespaces.enumerated()
        where descriptor.namespaces[..<index].contains(where: {
            $0.name == namespace.name && $0.isPattern == namespace.isPattern
        }) {
            throw Problem(text: "nsp \(namespace.number): '\(shown(namespace.name))' is declared twice")
        }
        for (index, route) in descriptor.routes.enumerated()
        where descriptor.routes[..<index].contains(where: {
            $0.method == route.method && $0.path.isSameShape(as: route.path)
        }) {
            throw Problem(text: "route \(index + 1): \(route.method) \(route.path) is declared twice")
        }
    }

    // MARK: Items

    private static func events(_ raw: jf_event_decl, number: Int) throws(Problem) -> [EventDescriptor] {
        let name = try text(raw.name, "name")
        let title = name.isEmpty ? "" : "'\(shown(name))': "
        guard name.utf8.count <= longestName else {
            throw Problem(text: "the name has \(name.utf8.count) bytes, more than \(longestName)")
        }
        guard !PacketEncoder.isReserved(name: raw.name.bytes) else {
            throw Problem(text: "name '\(name)' is reserved by Socket.IO")
        }
        guard let handler = raw.handler else { throw Problem(text: "\(title)handler is NULL") }
        // Shared by the declarations of all namespaces.
        let contract = try optionalSignature(raw.signature, title).map { Contract($0) }
        guard contract == nil || raw.flags & JF_EVENT_OBSERVE == 0 && !name.isEmpty else {
            throw Problem(text: "\(title)a signature is for the handler of a named event, not for an observer")
        }
        guard raw.flags & ~JF_EVENT_OBSERVE == 0 else {
            throw Problem(text: "\(title)flags 0x\(String(raw.flags, radix: 16)) are not all known to this host")
        }
        guard raw.reserved == 0 else { throw Problem(text: "\(title)reserved is \(raw.reserved), not 0") }
        let run = try eventRunMode(raw.run, raw.run_key, title)
        let own = try text(raw.nsp, "nsp")
        let namespaces = try names(
            own.isEmpty ? (raw.nsp_count == 0 ? "/" : nil) : own, raw.nsps, raw.nsp_count, "nsps")
        var declarations: [EventDescriptor] = []
        for namespace in namespaces {
            // Patterns and misspelt names cannot be distinguished here, because both are looked up later, among the
            // existing namespaces.
            guard namespace.hasPrefix("/") || namespace.hasPrefix("^") else {
                throw Problem(
                    text: "\(title)nsp '\(shown(namespace))' must begin with '/', or be a pattern that begins with '^'")
            }
            declarations.append(
                EventDescriptor(
                    number: number, namespace: namespace, name: name, handler: handler, context: raw.context, run: run,
                    observes: raw.flags & JF_EVENT_OBSERVE != 0, contract: contract))
        }
        return declarations
    }

    private static func namespaces(_ raw: jf_nsp_decl, number: Int) throws(Problem) -> [NamespaceDescriptor] {
        let own = try text(raw.name, "name")
        let title = own.isEmpty ? "" : "'\(shown(own))': "
        guard raw.flags & ~JF_NSP_PATTERN == 0 else {
            throw Problem(text: "\(title)flags 0x\(String(raw.flags, radix: 16)) are not all known to this host")
        }
        guard raw.reserved == 0 else { throw Problem(text: "\(title)reserved is \(raw.reserved), not 0") }
        guard raw.run != JF_RUN_BY_KEY else { throw Problem(text: "\(title)JF_RUN_BY_KEY is for events and routes") }
        let run = try runMode(raw.run, title)
        let isPattern = raw.flags & JF_NSP_PATTERN != 0
        let names = try names(own.isEmpty && raw.name_count > 0 ? nil : own, raw.names, raw.name_count, "names")
        var declarations: [NamespaceDescriptor] = []
        for name in names {
            guard (1...longestNamespace).contains(name.utf8.count) else {
                throw Problem(text: "the name must have 1 to \(longestNamespace) bytes")
            }
            do throws(NamespaceTableError) {
                _ = try NamespaceTable([isPattern ? .pattern(name) : .name(name)])
            } catch {
                throw Problem(text: "\(error)" + (isPattern ? "" : "; a pattern needs JF_NSP_PATTERN"))
            }
            declarations.append(
                NamespaceDescriptor(
                    number: number, name: name, isPattern: isPattern, run: run, admit: raw.admit,
                    connected: raw.connected, disconnecting: raw.disconnecting,
                    disconnected: raw.disconnected, context: raw.context))
        }
        return declarations
    }

    private static func route(_ raw: jf_route_decl, _ socketPath: String) throws(Problem) -> RouteDescriptor {
        let method = try text(raw.method, "method")
        guard (1...32).contains(method.utf8.count), method.utf8.allSatisfy({ $0 &- 0x41 < 26 }) else {
            throw Problem(text: "method '\(shown(method))' must be at most 32 capital letters, such as GET")
        }
        let path: RoutePath
        do throws(RoutePath.Malformed) {
            path = try RoutePath(try textOrThrow(raw.path).text)
        } catch {
            throw Problem(text: error.problem)
        }
        let title = "\(method) \(shown(ByteString(path.description))): "
        var reserved = socketPath
        while reserved.hasSuffix("/") { reserved.removeLast() }
        guard !path.description.utf8.starts(with: "\(reserved)/".utf8) else {
            throw Problem(
                text: "\(title)the path is below \(reserved)/, where Socket.IO is served, and would never be reached")
        }
        guard let handler = raw.handler else { throw Problem(text: "\(title)handler is NULL") }
        let run: RunMode
        if raw.run == JF_RUN_BY_KEY {
            let key = try text(raw.run_key, "run_key")
            guard path.segments.contains(.parameter(key)) else {
                throw Problem(text: "\(title)run_key '\(key)' is no {parameter} of the path")
            }
            run = .byKey(key)
        } else {
            run = try runMode(raw.run, title)
        }
        let scope = try text(raw.scope, "scope")
        let token: RouteAccess.TokenRequirement
        switch raw.auth {
        case JF_AUTH_REQUIRED: token = .required
        case JF_AUTH_OPTIONAL: token = .optional
        case JF_AUTH_NONE: token = .ignored
        default: throw Problem(text: "\(title)auth \(raw.auth) is no JF_AUTH_* of this host")
        }
        guard scope.isEmpty || token == .required else { throw Problem(text: "\(title)a scope needs JF_AUTH_REQUIRED") }
        return RouteDescriptor(
            method: method, path: path, handler: handler, context: raw.context, run: run,
            access: RouteAccess(token, scope: scope.isEmpty ? nil : scope))
    }

    private static func timer(_ raw: jf_timer_decl, number: Int) throws(Problem) -> TimerDescriptor {
        guard let handler = raw.handler else { throw Problem(text: "handler is NULL") }
        guard (10...longestTimer).contains(raw.interval) else {
            throw Problem(text: "interval is \(raw.interval) ms; it must be 10 to \(longestTimer)")
        }
        return TimerDescriptor(handler: handler, context: raw.context, interval: Int64(raw.interval))
    }

    // MARK: Values

    /// The run mode of an event or a function.
    static func eventRunMode(_ raw: UInt32, _ rawKey: jf_text, _ title: String) throws(Problem) -> RunMode {
        guard raw == JF_RUN_BY_KEY else { return try runMode(raw, title) }
        let key = try text(rawKey, "run_key")
        guard key.hasPrefix("/") else {
            throw Problem(
                text: "\(title)run_key '\(shown(key))' must be a JSON pointer into the arguments, such as \"/0/room\"")
        }
        return .byKey(key)
    }

    static func runMode(_ raw: UInt32, _ title: String) throws(Problem) -> RunMode {
        switch raw {
        case JF_RUN_STRAND: .strand
        case JF_RUN_BY_USER: .byUser
        case JF_RUN_PARALLEL: .parallel
        case JF_RUN_INLINE: .inline
        default: throw Problem(text: "\(title)run \(raw) is no JF_RUN_* of this host")
        }
    }

    /// The beginning of a text, for a message.
    static func shown(_ text: ByteString) -> String { text.withBytes { jf_text.excerpt(of: $0) } }

    static func text(_ raw: jf_text, _ field: String) throws(Problem) -> ByteString {
        guard raw.len > 0 else { return "" }
        guard raw.ptr != nil else { throw Problem(text: "\(field) is NULL with a length of \(raw.len)") }
        guard raw.len <= longestText else {
            throw Problem(text: "\(field) has \(raw.len) bytes, more than \(longestText)")
        }
        guard let string = ByteString(validating: raw.bytes, limit: longestText) else {
            throw Problem(text: "\(field) is no UTF-8")
        }
        guard !string.utf8.contains(0) else {
            throw Problem(text: "\(field) holds a zero byte; JF_LIT is for literals, use jf_text_of for pointers")
        }
        return string
    }

    private static func textOrThrow(_ raw: jf_text) throws(RoutePath.Malformed) -> ByteString {
        do throws(Problem) {
            return try text(raw, "path")
        } catch {
            throw RoutePath.Malformed(problem: error.text)
        }
    }

    /// `MAJOR.MINOR.PATCH`, optionally followed by `-…` and `+…`.
    private static func isSemantic(_ version: String) -> Bool {
        guard version.utf8.count <= 64 else { return false }
        let core = version.prefix { $0 != "-" && $0 != "+" }.split(separator: ".", omittingEmptySubsequences: false)
        return core.count == 3 && core.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { $0 &- 0x30 < 10 } }
    }
}

extension EventDescriptor {
    /// The place in the plugin's declarations, in messages: `event 3`.
    var place: String { "\(isFunction ? "function" : "event") \(number)" }

    /// The name in messages: `'hello' of '/'`.
    var title: String { name.isEmpty ? "the catch-all of '\(namespace)'" : "'\(name)' of '\(namespace)'" }
}

extension FunctionDescriptor {
    /// The name in messages, as ``EventDescriptor/title``.
    var title: String { "'\(name)' of '\(namespace)'" }
}
