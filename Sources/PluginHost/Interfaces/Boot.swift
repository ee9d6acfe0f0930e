import CJackfield

/// What a plugin gets at the start.
enum Boot {
    /// A boot structure for `plugin`. It lives as long as the process, as the header promises, and so do the texts that it points to.
    static func make(for plugin: LoadedPlugin) -> UnsafePointer<jf_boot> {
        let boot = UnsafeMutablePointer<jf_boot>.allocate(capacity: 1)
        boot.initialize(to: jf_boot(
            struct_size: UInt32(MemoryLayout<jf_boot>.size), abi: UInt32(JF_ABI), host: plugin.handle, host_version: lasting(plugin.host.options.version),
            query: { host, id, table, size in InterfaceTable.query(host, id, table, size) }, name: lasting(plugin.spec.name), path: lasting(plugin.path)))
        return UnsafePointer(boot)
    }

    /// A copy that is never freed.
    private static func lasting(_ text: String) -> jf_text {
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, text.utf8.count), alignment: 1)
        copy.copyBytes(from: text.utf8)
        return jf_text(UnsafeRawBufferPointer(rebasing: copy[..<text.utf8.count]))
    }
}
