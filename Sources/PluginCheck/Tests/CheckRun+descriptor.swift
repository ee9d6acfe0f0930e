import PluginHost
import SocketIO
import Support

/// The tests of what a plugin declares, and of hosts that are older or newer than this one.
extension CheckRun {
    func checkDescriptor() throws {
        step("jf_plugin_main is called")
        let (host, spec) = (try CheckHost(self).host, spec)
        let problems = waitFor { await host.check([spec]) }
        for problem in problems { fail(problem.error.problem) }
    }

    func checkDescriptorTwice() throws {
        step("jf_plugin_main is called twice")
        let (host, spec) = (try CheckHost(self).host, spec)
        let result = waitFor { () async -> Result<[PluginDescriptor], PluginError> in
            do throws(PluginError) { return .success(try await host.describeTwice(spec)) } catch {
                return .failure(error)
            }
        }
        let descriptors: [PluginDescriptor]
        do throws(PluginError) {
            descriptors = try result.get()
        } catch {
            throw CheckFailure("the second time it failed: \(error.problem)")
        }
        let (first, second) = (descriptors[0].declarations, descriptors[1].declarations)
        for line in first where !second.contains(line) { fail("the second time it did not declare \(line)") }
        for line in second where !first.contains(line) { fail("only the second time it declared \(line)") }
        if first != second, findings.isEmpty { fail("the second time it declared the same in another order") }
    }

    // MARK: Other hosts

    /// The interfaces of this host, with the size of each table.
    private static let interfaces: [(id: ByteString, bytes: Int)] = Host.interfaceTables.map {
        (ByteString($0.id), $0.bytes)
    }

    func checkMissingInterfaces() throws {
        var refused: [String] = []
        func run(without title: String, _ known: @escaping @Sendable (String) -> Int?) throws {
            if let problem = try live(in: "a host without \(title)", { $0.knownTableBytes = known }) {
                refused.append("without \(title): \(problem)")
            }
        }
        try run(without: "any interface") { _ in nil }
        for (missing, _) in Self.interfaces {
            try run(without: missing.text) { missing == ByteString($0) ? nil : .max }
        }
        for line in refused { note(line) }
    }

    func checkShorterTables() throws {
        // `struct_size` and `revision`, then the functions.
        let (head, slot) = (8, 8)
        var hosts = Self.interfaces.flatMap { interface in
            stride(from: head, to: interface.bytes, by: slot).map { (id: interface.id, bytes: $0) }
        }
        let all = hosts.count
        if all > mostLoads {
            hosts = (0..<mostLoads).map { hosts[$0 * all / mostLoads] }
            note(
                "\(mostLoads) of \(all) older hosts were tried, because each load of this plugin takes \(fileSize >> 20) MiB"
            )
        }
        var refused = 0
        for (id, bytes) in hosts {
            let title = "a host that has the first \((bytes - head) / slot) functions of \(id)"
            if try live(in: title, { $0.knownTableBytes = { id == ByteString($0) ? bytes : .max } }) != nil {
                refused += 1
            }
        }
        if refused > 0 { note("returned an error in \(refused) of the older hosts") }
    }

    func checkNewerHost() throws {
        if let problem = try live(in: "a newer host", { $0.unknownBootBytes = 64 }) { fail(problem) }
    }

    /// Loads the plugin into a host, lets a client join and send each event once, and unloads it.
    ///
    /// - Returns: the error with which the plugin refused to work; `nil` if it worked.
    private func live(in title: String, _ configure: (inout HostOptions) -> Void) throws -> String? {
        let host = try CheckHost(self) {
            configure(&$0)
            // A plugin that lacks an interface may be unable to decide about a client; the host decides then.
            $0.decisionDeadline = 100
        }
        step("\(title): the plugin is loaded")
        let error = waitFor { [host = host.host, spec] () async -> PluginError? in
            do throws(PluginError) {
                try await host.load(spec)
                return nil
            } catch {
                return error
            }
        }
        defer { host.stop() }
        if let error {
            if error.kind == .timedOut { throw CheckFailure("\(title): \(error.problem)") }
            return error.problem
        }
        guard let status = host.host.status.first, let descriptor = host.host.descriptor(of: status.name) else {
            return nil
        }
        var generator = ArgumentGenerator(seed: options.seed)
        for namespace in descriptor.clientNamespaces {
            step("\(title): a client joins '\(namespace)'")
            let client = try host.client(namespace)
            for event in descriptor.events where !event.name.isEmpty && event.namespace == namespace {
                step("\(title): '\(event.name)' is sent")
                let arguments = event.signature.map { generator.arguments(for: $0) }
                try client.emit(
                    event.name, arguments?.json ?? Array("[]".utf8), attachments: arguments?.attachments ?? [],
                    in: namespace)
            }
            try host.settle(named: status.name)
            try client.vanish()
        }
        step("\(title): the plugin is unloaded")
        let unloading = waitFor { [host = host.host] () async -> PluginError? in
            do throws(PluginError) {
                try await host.unload(status.name)
                return nil
            } catch {
                return error
            }
        }
        if let unloading { throw CheckFailure("\(title): \(unloading.problem)") }
        return nil
    }
}

extension PluginDescriptor {
    /// A line for each declaration.
    var declarations: [String] {
        ["the name '\(name)'", "the version '\(version)'"]
            + events.map {
                "event '\($0.name)' of '\($0.namespace)', \($0.run), \($0.signature.map { "\($0)" } ?? "any arguments"), observing: \($0.observes)"
            }
            + namespaces.map { "namespace '\($0.name)', \($0.run), a pattern: \($0.isPattern)" }
            + routes.map { "route \($0.method) \($0.path), \($0.run), \($0.access)" }
            + timers.map { "a timer of \($0.interval) ms" }
            + services.map { service in
                "service '\(service.name)' \(service.major).\(service.minor): "
                    + service.methods.map { "\($0.signature)" }.joined(separator: ", ")
            }
            + functions.map { "function '\($0.name)' of '\($0.namespace)', \($0.signature)" }
            + emits.map { "the emitted event '\($0.name)' of '\($0.namespace)', \($0.signature)" }
    }

    /// The namespaces that clients of the check join: those that the plugin names, and for each pattern a name that is
    /// likely to match.
    var clientNamespaces: [ByteString] {
        var found: [ByteString] = ["/"]
        let declared = namespaces.map(\.name) + events.map(\.namespace)
        for name in declared.map(Self.example(of:)) where !found.contains(name) && found.count < 32 {
            found.append(name)
        }
        return found
    }

    /// `/dyn-1` for `^/dyn-[0-9]+$`; a name for itself.
    static func example(of name: ByteString) -> ByteString {
        guard name.hasPrefix("^") else { return name }
        var text: [UInt8] = []
        var isInClass = false
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "["): isInClass = true
            case UInt8(ascii: "]"):
                isInClass = false
                text.append(UInt8(ascii: "1"))
            case UInt8(ascii: "^"), UInt8(ascii: "$"), UInt8(ascii: "+"), UInt8(ascii: "*"), UInt8(ascii: "?"),
                UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "\\"):
                break
            case UInt8(ascii: ".") where !isInClass: text.append(UInt8(ascii: "1"))
            default: if !isInClass { text.append(byte) }
            }
        }
        return ByteString(decoding: text)
    }
}
