import CJackfield
import Support

/// `jf.services/1` of a plugin in a worker; see ``RemoteCoreInterface``.
enum RemoteServicesInterface {
    static var table: jf_services_api {
        var table = ServicesInterface.table
        table.bind = { host, need, binding, error in
            binding?.pointee = 0
            return LoadedPlugin.serveRemotely(host, "bind", explainingTo: error) {
                (plugin, daemon) throws(HostCallError) in
                guard let binding else { throw .invalid("binding is NULL") }
                return try daemon.bind(need, binding, error)
            }
        }
        table.unbind = { host, binding in
            LoadedPlugin.serveRemotely(host, "unbind") { _, daemon in
                var writer = WireWriter(capacity: 8)
                writer.integer(binding)
                daemon.needs.withLock { _ = $0.removeValue(forKey: binding) }
                return daemon.call(.unbind, writer)
            }
        }
        table.status = { host, binding, status in
            status?.pointee = 0
            return LoadedPlugin.serveRemotely(host, "status") { (_, daemon) throws(HostCallError) in
                guard let status else { throw .invalid("status is NULL") }
                var writer = WireWriter(capacity: 8)
                writer.integer(binding)
                return daemon.call(.bindingStatus, writer) { code, reader throws(MalformedMessage) in
                    guard code == JF_OK else { return code }
                    status.pointee = try reader.integer()
                    return code
                }
            }
        }
        table.call_async = { host, binding, method, args, count, timeout, answered, context in
            LoadedPlugin.serveRemotely(host, "call_async") { (_, daemon) throws(HostCallError) in
                guard let answered else { throw .invalid("answered is NULL") }
                guard WireWriter.size(of: args, count) != nil else { throw DaemonLink.tooLargeArguments }
                let callback = WorkerCallback.result(PluginCall(function: answered, context: context))
                return try daemon.call(.callAsync, causing: callback) { writer, number in
                    writer.integer(binding)
                    writer.integer(method)
                    writer.values(args, count)
                    writer.integer(timeout)
                    writer.integer(number)
                }
            }
        }
        table.complete = { host, reply, code, value, message in
            LoadedPlugin.serveRemotely(host, "complete") { (plugin, daemon) throws(HostCallError) in
                if let value, WireWriter.size(of: value, 1) == nil { throw DaemonLink.tooLargeArguments }
                return try plugin.call(daemon, .complete, using: reply) { (writer) throws(HostCallError) in
                    writer.integer(code)
                    writer.flag(value != nil)
                    if let value { writer.value(value.pointee) }
                    try writer.argument(message, "message")
                }
            }
        }
        return table
    }
}

extension LoadedPlugin {
    /// As ``serveRemotely(_:_:_:)``, and writes the reason of a failure into the plugin's `jf_error`.
    fileprivate static func serveRemotely(
        _ host: OpaquePointer?, _ function: StaticString, explainingTo error: UnsafeMutablePointer<jf_error>?,
        _ body: (LoadedPlugin, DaemonLink) throws(HostCallError) -> Int32
    ) -> Int32 {
        serve(host, function, explainingTo: error) { (plugin) throws(HostCallError) in
            guard let daemon = plugin.daemon else { return JF_E_STATE }
            return try body(plugin, daemon)
        }
    }
}

extension DaemonLink {
    static let tooLargeArguments = HostCallError(code: JF_E_LIMIT, problem: LoadedPlugin.tooManyArguments)

    fileprivate func bind(
        _ need: UnsafePointer<jf_need>?, _ binding: UnsafeMutablePointer<jf_binding>,
        _ error: UnsafeMutablePointer<jf_error>?
    ) throws(HostCallError) -> Int32 {
        let raw = try PluginMemory.read(need, "need")
        let checked = try ServiceNeed(raw)
        let callback = raw.changed.map { WorkerCallback.changed(PluginCall(function: $0, context: raw.context)) }
        let number = callback.map { register($0) } ?? 0
        var writer = WireWriter()
        writer.flag(true)
        try writer.need(raw, changed: number)
        let code = call(.bind, writer) { code, reader throws(MalformedMessage) in
            binding.pointee = try reader.integer()
            let problem = try reader.text()
            if code != JF_OK { _ = jf_fail(error, code, problem.string) }
            return code
        }
        if code == JF_OK { needs.withLock { $0[binding.pointee] = checked } } else { remove(number) }
        return code
    }

    /// Calls a method of another plugin and waits for its outcome.
    func call(
        _ binding: jf_binding, _ method: UInt32, _ args: UnsafePointer<jf_value>?, _ count: UInt32, _ timeout: UInt32
    ) -> CallOutcome {
        guard WireWriter.size(of: args, count) != nil else {
            return CallOutcome(JF_E_LIMIT, LoadedPlugin.tooManyArguments)
        }
        var writer = WireWriter()
        writer.integer(binding)
        writer.integer(method)
        writer.values(args, count)
        writer.integer(timeout)
        let lane = ThreadState.current?.strand.map(\.lane) ?? RemoteCall.noLane
        writer.integer(UInt16(truncatingIfNeeded: lane))
        var outcome = CallOutcome(JF_E_FAILED)
        _ = call(.call, writer) { code, reader throws(MalformedMessage) in
            let remote = try IsolatedPlugin.callOutcome(&reader)
            outcome =
                remote.code == JF_OK
                ? CallOutcome(copying: remote.value) : CallOutcome(remote.code, remote.message.string)
            return code
        }
        return outcome
    }
}
