import CJackfield

/// What a plugin is handed at the start.
enum Boot {
    /// A boot structure for `plugin`. It lives as long as the process, as the header promises, and so does the version it points to.
    static func make(for plugin: Plugin) -> UnsafePointer<jf_boot> {
        let version = Array(plugin.host.options.version.utf8)
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, version.count), alignment: 1)
        copy.copyBytes(from: version)
        let boot = UnsafeMutablePointer<jf_boot>.allocate(capacity: 1)
        boot.initialize(to: jf_boot(
            struct_size: UInt32(MemoryLayout<jf_boot>.size), abi: UInt32(JF_ABI), host: plugin.handle,
            host_version: jf_text(UnsafeRawBufferPointer(rebasing: copy[..<version.count])),
            query: { host, id, table, size in InterfaceTable.query(host, id, table, size) }))
        return UnsafePointer(boot)
    }
}
