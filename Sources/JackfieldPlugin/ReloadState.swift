/// What a plugin passes to the version that replaces it when it is reloaded: ``Plugin/save()`` and
/// ``Plugin/restore(_:)``.
public struct ReloadState: Sendable, Equatable {
    /// Of the format of ``bytes``: a number of the plugin's own, with which a newer version recognises older formats.
    public var version: UInt32
    /// At most 64 MiB.
    public var bytes: [UInt8]
    /// ``Plugin/version`` of the plugin that saved. Set by the host, for ``Plugin/restore(_:)``.
    public internal(set) var savedBy = ""

    public init(version: UInt32, bytes: [UInt8]) {
        self.version = version
        self.bytes = bytes
    }

    /// What `restore` receives; nil: `save` has set nothing.
    init?(_ raw: jf_saved) {
        guard raw.version != 0 || raw.state.len > 0 else { return nil }
        self.init(
            version: raw.version, bytes: Array(UnsafeBufferPointer(start: raw.state.ptr, count: Int(raw.state.len))))
        savedBy = String(raw.plugin_version)
    }
}
