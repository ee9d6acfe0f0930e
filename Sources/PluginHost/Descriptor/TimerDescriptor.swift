import CJackfield

/// One `jf_timer_decl`, checked. `@unchecked Sendable` as ``PluginDescriptor``; the context is passed back to the plugin and never looked at.
struct TimerDescriptor: @unchecked Sendable {
    var handler: jf_task_fn
    var context: UnsafeMutableRawPointer?
    /// Milliseconds.
    var interval: Int64
}
