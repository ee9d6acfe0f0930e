/// A plugin somebody wants to have loaded: one entry of the configuration's `plugins`.
public struct PluginSpec: Sendable, Equatable {
    /// A name to look up in ``HostOptions/pluginPath`` (`NAME.so`, then `libNAME.so`), or a path when it contains a slash.
    public var path: String
    /// What logs, metrics and operators call it: 1 to 64 of a-z, 0-9 and '-'. Empty: as its descriptor says. Two entries with the same file need two names.
    public var name: String
    /// What the plugin reads through `jf_core_api.config`: JSON. `null`, or nothing at all, reads as `{}`.
    public var config: [UInt8]
    /// Whether the host is of no use without it. The host only carries this; whoever calls ``Host/load(_:)`` decides what a failure means.
    public var required: Bool

    public init(path: String, name: String = "", config: [UInt8] = [], required: Bool = false) {
        self.path = path
        self.name = name
        self.config = config
        self.required = required
    }
}
