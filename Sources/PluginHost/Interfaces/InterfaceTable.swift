import CJackfield
import Glibc

/// Fills a plugin's interface tables: every slot gets a function or a stub, none is NULL.
enum InterfaceTable {
    /// The interfaces of this host.
    static let ids = [
        JF_CORE, JF_TOKENS, JF_EVENTS, JF_SOCKETS, JF_ROOMS, JF_PRESENCE, JF_TIMERS, JF_HTTP, JF_JSON, JF_HELPERS,
        JF_SERVICES,
    ]

    /// The size of `struct_size` and `revision`, with which every table begins.
    private static let headSize = 8

    /// Bytes. A longer id is garbage.
    private static let longestID = 64

    static func query(
        _ host: OpaquePointer?, _ id: UnsafePointer<CChar>?, _ table: UnsafeMutableRawPointer?, _ size: UInt64
    ) -> Int32 {
        guard let plugin = LoadedPlugin.from(host) else { return JF_E_INVALID }
        guard let id else { return plugin.invalid("query", "id is NULL") }
        guard let table else { return plugin.invalid("query", "table is NULL") }
        guard size >= headSize, size <= PluginMemory.largestStructure else {
            return plugin.invalid(
                "query",
                "size is \(size), not \(headSize) to \(PluginMemory.largestStructure): pass sizeof of the table")
        }
        guard strnlen(id, longestID) < longestID else {
            return plugin.invalid("query", "id has \(longestID) bytes or more, or is not terminated")
        }
        let name = String(cString: id)
        let size = Int(size)
        var limit = Int.max
        if let knownTableBytes = plugin.host.options.knownTableBytes {
            guard let known = knownTableBytes(name) else { return lack(name, plugin, table, size) }
            limit = max(headSize, known)
        }
        return fill(name, table, size, limit, isRemote: plugin.daemon != nil) ?? lack(name, plugin, table, size)
    }

    /// Fills the table of an interface; `nil` if there is no such interface.
    ///
    /// - Parameter isRemote: whether the plugin runs in a worker.
    private static func fill(
        _ id: String, _ table: UnsafeMutableRawPointer, _ size: Int, _ limit: Int, isRemote: Bool
    ) -> Int32? {
        switch id {
        case JF_CORE: return fill(table, size, limit, with: isRemote ? RemoteCoreInterface.table : CoreInterface.table)
        case JF_TOKENS:
            return fill(table, size, limit, with: isRemote ? RemoteTokensInterface.table : TokensInterface.table)
        case JF_EVENTS:
            return fill(table, size, limit, with: isRemote ? RemoteEventsInterface.table : EventsInterface.table)
        case JF_SOCKETS:
            return fill(table, size, limit, with: isRemote ? RemoteSocketsInterface.table : SocketsInterface.table)
        case JF_ROOMS:
            return fill(table, size, limit, with: isRemote ? RemoteRoomsInterface.table : RoomsInterface.table)
        case JF_PRESENCE:
            return fill(table, size, limit, with: isRemote ? RemotePresenceInterface.table : PresenceInterface.table)
        case JF_TIMERS: return fill(table, size, limit, with: TimersInterface.table)
        case JF_HTTP: return fill(table, size, limit, with: isRemote ? RemoteHTTPInterface.table : HTTPInterface.table)
        case JF_JSON: return fill(table, size, limit, with: JSONInterface.table)
        case JF_HELPERS: return fill(table, size, limit, with: HelpersInterface.table)
        case JF_SERVICES:
            return fill(table, size, limit, with: isRemote ? RemoteServicesInterface.table : ServicesInterface.table)
        default: return nil
        }
    }

    private static func lack(
        _ id: String, _ plugin: LoadedPlugin, _ table: UnsafeMutableRawPointer, _ size: Int
    ) -> Int32 {
        plugin.missesInterface(id)
        plugin.log.debug("asked for interface \(id), which this host does not have")
        stub(table, size, from: headSize)
        return JF_E_UNSUPPORTED
    }

    /// Bytes of the table of an interface of ``ids``.
    static func size(of id: String) -> Int {
        // More than any table has.
        let capacity = 4_096
        return withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 16) { block in
            _ = fill(id, block.baseAddress!, capacity, .max, isRemote: false)
            return Int(block.load(as: UInt32.self))
        }
    }

    /// Copies as much of a table as fits into the plugin's; slots that only the plugin knows become stubs.
    ///
    /// - Parameter limit: bytes of the table that this host admits to know.
    private static func fill<Table: BitwiseCopyable>(
        _ table: UnsafeMutableRawPointer, _ size: Int, _ limit: Int, with known: Table
    ) -> Int32 {
        let common = min(size, limit, MemoryLayout<Table>.size)
        withUnsafeBytes(of: known) { table.copyMemory(from: $0.baseAddress!, byteCount: common) }
        if size > common { stub(table, size, from: common) }
        table.storeBytes(of: UInt32(common), as: UInt32.self)
        return JF_OK
    }

    /// Fills slots with a function that returns `JF_E_UNSUPPORTED`, and also zeros the head if `start` is the first
    /// slot.
    private static func stub(_ table: UnsafeMutableRawPointer, _ size: Int, from start: Int) {
        if start == headSize { table.initializeMemory(as: UInt8.self, repeating: 0, count: headSize) }
        // Called with any arguments: in the C calling conventions of the supported machines the caller cleans up, so a
        // function may declare fewer parameters than it is passed.
        let unsupported: @convention(c) () -> Int32 = { JF_E_UNSUPPORTED }
        var offset = start
        while offset + MemoryLayout<UnsafeRawPointer>.size <= size {
            table.storeBytes(
                of: unsafeBitCast(unsupported, to: UnsafeRawPointer.self), toByteOffset: offset,
                as: UnsafeRawPointer.self)
            offset += MemoryLayout<UnsafeRawPointer>.size
        }
    }
}

/// Makes the `jf_boot` that `jf_plugin_main` gets.
enum Boot {
    /// A boot structure for `plugin`. It and the texts that it points to live as long as the process, as the header
    /// promises.
    static func make(for plugin: LoadedPlugin) -> UnsafePointer<jf_boot> {
        let size = MemoryLayout<jf_boot>.size + plugin.host.options.unknownBootBytes
        let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: MemoryLayout<jf_boot>.alignment)
        block.initializeMemory(as: UInt8.self, repeating: 0xFF, count: size)
        let boot = block.bindMemory(to: jf_boot.self, capacity: 1)
        boot.initialize(
            to: jf_boot(
                struct_size: UInt32(size), abi: UInt32(JF_ABI), host: plugin.handle,
                host_version: lasting(plugin.host.options.version),
                query: { host, id, table, size in InterfaceTable.query(host, id, table, size) },
                name: lasting(plugin.spec.name), path: lasting(plugin.path)))
        return UnsafePointer(boot)
    }

    /// A copy that is never freed.
    static func lasting(_ text: String) -> jf_text {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, text.utf8.count), alignment: 1)
        copy.copyBytes(from: text.utf8)
        return jf_text(UnsafeRawBufferPointer(rebasing: copy[..<text.utf8.count]))
    }
}
