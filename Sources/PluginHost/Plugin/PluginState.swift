/// Where a plugin is in its life.
public enum PluginState: UInt8, Sendable {
    /// `jf_plugin_main`, `create` and `start` are under way.
    case starting
    /// Its declarations are in force.
    case running
    /// Its declarations are out; what was queued is being finished.
    case stopping
    /// It is gone, all of it undone.
    case stopped
    /// It did not come back from a callback within its deadline; its thread and its memory are given up.
    case stuck
}
