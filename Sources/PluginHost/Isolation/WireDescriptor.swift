import CJackfield

/// The declarations of an isolated plugin, in the message that answers `load`.
///
/// The worker writes them after ``DescriptorReader`` has accepted them. The daemon does not rely on that: it builds a
/// descriptor of what it reads, whose functions are its own, and reads it by the same rules.
extension WireWriter {
    /// - Parameter plugin: a descriptor that ``DescriptorReader`` has accepted.
    mutating func descriptor(_ plugin: jf_plugin) throws(DescriptorReader.Problem) {
        text(plugin.name)
        text(plugin.version)
        flag(plugin.presence != nil)
        flag(plugin.ready != nil)
        flag(plugin.handshake != nil)
        flag(plugin.save != nil)
        flag(plugin.restore != nil)
        flag(plugin.resumed != nil)
        try list(plugin.nsps.items, plugin.nsps.count, plugin.nsps.stride, firstSize: 80) { writer, raw in
            writer.text(raw.name)
            writer.integer(raw.flags)
            writer.integer(raw.run)
            for isSet in [raw.admit != nil, raw.connected != nil, raw.disconnecting != nil, raw.disconnected != nil] {
                writer.flag(isSet)
            }
            writer.texts(raw.names, raw.name_count)
        }
        try list(plugin.events.items, plugin.events.count, plugin.events.stride, firstSize: 88) { writer, raw in
            writer.text(raw.nsp)
            writer.text(raw.name)
            writer.integer(raw.run)
            writer.integer(raw.flags)
            writer.text(raw.run_key)
            writer.texts(raw.nsps, raw.nsp_count)
            writer.text(raw.signature)
        }
        try list(plugin.routes.items, plugin.routes.count, plugin.routes.stride, firstSize: 88) { writer, raw in
            for part in [raw.method, raw.path, raw.scope, raw.run_key] { writer.text(part) }
            writer.integer(raw.run)
            writer.integer(raw.auth)
        }
        try list(plugin.timers.items, plugin.timers.count, plugin.timers.stride, firstSize: 24) { writer, raw in
            writer.integer(raw.interval)
        }
        try list(plugin.services.items, plugin.services.count, plugin.services.stride, firstSize: 40) {
            (writer, raw) throws(DescriptorReader.Problem) in
            writer.text(raw.name)
            writer.integer(raw.major)
            writer.integer(raw.minor)
            try writer.list(raw.methods.items, raw.methods.count, raw.methods.stride, firstSize: 48) { writer, method in
                writer.text(method.signature)
                writer.integer(method.run)
            }
        }
        try list(plugin.functions.items, plugin.functions.count, plugin.functions.stride, firstSize: 80) {
            writer, raw in
            for part in [raw.name, raw.signature, raw.run_key, raw.nsp] { writer.text(part) }
            writer.integer(raw.run)
        }
        try list(plugin.emits.items, plugin.emits.count, plugin.emits.stride, firstSize: 48) { writer, raw in
            for part in [raw.name, raw.signature, raw.nsp] { writer.text(part) }
        }
    }

    private mutating func list<Raw: BitwiseCopyable>(
        _ items: UnsafePointer<Raw>?, _ count: UInt32, _ stride: UInt32, firstSize: Int,
        _ write: (inout WireWriter, Raw) throws(DescriptorReader.Problem) -> Void
    ) throws(DescriptorReader.Problem) {
        integer(count)
        _ = try DescriptorReader.each(items, count, stride, firstSize: firstSize, "item") {
            (raw, _) throws(DescriptorReader.Problem) in
            try write(&self, raw)
        }
    }
}

extension WireReader {
    /// Builds the descriptor of an isolated plugin. A callback's `context` is the number of its declaration, from 1, in
    /// the list of its kind; methods are numbered through all services.
    ///
    /// - Returns: a block of `JF_PLUGIN_SIZE` bytes, valid as long as the arena; and whether the plugin has a
    ///   `handshake` hook.
    mutating func descriptor(_ proxies: CallbackProxies) throws(MalformedMessage)
        -> (plugin: UnsafePointer<jf_plugin>, hasHandshake: Bool)
    {
        let block = UnsafeMutableRawPointer(arena.allocate(UInt64.self, Int(JF_PLUGIN_SIZE) / 8))
        block.initializeMemory(as: UInt8.self, repeating: 0, count: Int(JF_PLUGIN_SIZE))
        let plugin = block.bindMemory(to: jf_plugin.self, capacity: 1)
        plugin.pointee.struct_size = UInt32(MemoryLayout<jf_plugin>.size)
        plugin.pointee.abi = UInt32(JF_ABI)
        plugin.pointee.name = try text()
        plugin.pointee.version = try text()
        if try flag() { plugin.pointee.presence = proxies.presence }
        // The worker calls it, and reports what it says.
        _ = try flag()
        let hasHandshake = try flag()
        // Never called: the daemon makes the worker call them.
        if try flag() { plugin.pointee.save = proxies.save }
        if try flag() { plugin.pointee.restore = proxies.restore }
        if try flag() { plugin.pointee.resumed = proxies.resumed }
        try namespaces(of: plugin, proxies)
        try events(of: plugin, proxies)
        try routes(of: plugin, proxies)
        let timers = try numbered(ofItems: 8) { (reader, number) throws(MalformedMessage) in
            jf_timer_decl(handler: proxies.none, context: nil, interval: try reader.integer())
        }
        (plugin.pointee.timers.items, plugin.pointee.timers.count, plugin.pointee.timers.stride) = timers
        try services(of: plugin, proxies)
        let functions = try numbered(ofItems: 20) { (reader, _) throws(MalformedMessage) in
            var raw = jf_function_decl()
            raw.name = try reader.text()
            raw.signature = try reader.text()
            raw.run_key = try reader.text()
            raw.nsp = try reader.text()
            raw.run = try reader.runMode()
            // Never called: ``BoundFunction`` calls the function in the worker.
            raw.c_function = proxies.function
            return raw
        }
        (plugin.pointee.functions.items, plugin.pointee.functions.count, plugin.pointee.functions.stride) = functions
        let emits = try numbered(ofItems: 12) { (reader, _) throws(MalformedMessage) in
            jf_emit_decl(name: try reader.text(), signature: try reader.text(), nsp: try reader.text())
        }
        (plugin.pointee.emits.items, plugin.pointee.emits.count, plugin.pointee.emits.stride) = emits
        return (UnsafePointer(plugin), hasHandshake)
    }

    private mutating func namespaces(of plugin: UnsafeMutablePointer<jf_plugin>, _ proxies: CallbackProxies)
        throws(MalformedMessage)
    {
        let list = try numbered(ofItems: 20) { (reader, number) throws(MalformedMessage) in
            var raw = jf_nsp_decl()
            raw.name = try reader.text()
            raw.flags = try reader.integer()
            raw.run = try reader.runMode()
            if try reader.flag() { raw.admit = proxies.admit }
            if try reader.flag() { raw.connected = proxies.connected }
            if try reader.flag() { raw.disconnecting = proxies.disconnecting }
            if try reader.flag() { raw.disconnected = proxies.disconnected }
            (raw.names, raw.name_count) = try reader.texts()
            raw.context = number
            return raw
        }
        (plugin.pointee.nsps.items, plugin.pointee.nsps.count, plugin.pointee.nsps.stride) = list
    }

    private mutating func events(of plugin: UnsafeMutablePointer<jf_plugin>, _ proxies: CallbackProxies)
        throws(MalformedMessage)
    {
        let list = try numbered(ofItems: 28) { (reader, number) throws(MalformedMessage) in
            var raw = jf_event_decl()
            raw.nsp = try reader.text()
            raw.name = try reader.text()
            raw.handler = proxies.event
            raw.run = try reader.runMode()
            raw.flags = try reader.integer()
            raw.run_key = try reader.text()
            (raw.nsps, raw.nsp_count) = try reader.texts()
            raw.signature = try reader.text()
            raw.context = number
            return raw
        }
        (plugin.pointee.events.items, plugin.pointee.events.count, plugin.pointee.events.stride) = list
    }

    private mutating func routes(of plugin: UnsafeMutablePointer<jf_plugin>, _ proxies: CallbackProxies)
        throws(MalformedMessage)
    {
        let list = try numbered(ofItems: 24) { (reader, number) throws(MalformedMessage) in
            var raw = jf_route_decl()
            raw.method = try reader.text()
            raw.path = try reader.text()
            raw.scope = try reader.text()
            raw.run_key = try reader.text()
            raw.run = try reader.runMode()
            raw.auth = try reader.integer()
            raw.handler = proxies.request
            raw.context = number
            return raw
        }
        (plugin.pointee.routes.items, plugin.pointee.routes.count, plugin.pointee.routes.stride) = list
    }

    private mutating func services(of plugin: UnsafeMutablePointer<jf_plugin>, _ proxies: CallbackProxies)
        throws(MalformedMessage)
    {
        var last = 0
        let list = try numbered(ofItems: 16) { (reader, _) throws(MalformedMessage) in
            var raw = jf_service_decl()
            raw.name = try reader.text()
            raw.major = try reader.integer()
            raw.minor = try reader.integer()
            let methods = try reader.numbered(ofItems: 8) { (reader, _) throws(MalformedMessage) in
                last += 1
                return jf_method_decl(
                    signature: try reader.text(), handler: proxies.method, c_function: nil, run: try reader.runMode(),
                    reserved: 0, context: UnsafeMutableRawPointer(bitPattern: last))
            }
            (raw.methods.items, raw.methods.count, raw.methods.stride) = methods
            return raw
        }
        (plugin.pointee.services.items, plugin.pointee.services.count, plugin.pointee.services.stride) = list
    }

    /// A run mode. A callback that would run inline runs on the strand: no event loop waits for a worker.
    private mutating func runMode() throws(MalformedMessage) -> UInt32 {
        let run = try integer(UInt32.self)
        return run == JF_RUN_INLINE ? JF_RUN_STRAND : run
    }

    private mutating func numbered<Raw: BitwiseCopyable>(
        ofItems size: Int, _ read: (inout WireReader, UnsafeMutableRawPointer?) throws(MalformedMessage) -> Raw
    ) throws(MalformedMessage) -> (UnsafePointer<Raw>?, UInt32, UInt32) {
        var number = 0
        let list = try list(ofItems: size) { (reader) throws(MalformedMessage) in
            number += 1
            return try read(&reader, UnsafeMutableRawPointer(bitPattern: number))
        }
        return (UnsafePointer(list.items), list.count, UInt32(MemoryLayout<Raw>.stride))
    }
}

/// The functions of the host that stand for the callbacks of an isolated plugin.
struct CallbackProxies {
    var event: jf_event_fn
    var admit:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_attempt>?, UnsafeMutablePointer<jf_refusal>?) ->
            Int32
    var connected: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void
    var disconnecting: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void
    var disconnected: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void
    var request: jf_request_fn
    var presence: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_presence_change>?) -> Void
    var method: jf_method_fn
    /// Stands for a declared timer, which the worker keeps.
    var none: jf_task_fn
    var function: jf_fn
    var save:
        @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<jf_saved>?, UnsafeMutablePointer<jf_error>?) ->
            Int32
    var restore:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_saved>?, UnsafeMutablePointer<jf_error>?) -> Int32
    var resumed: @convention(c) (UnsafeMutableRawPointer?) -> Void
}
