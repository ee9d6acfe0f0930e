import CJackfield

/// What it takes to call an inline handler, as plain addresses: the path of an event must not touch a reference count that two loops share.
///
/// Everything it points to lives as long as the plugin, which is for ever.
struct InlineTarget {
    let handler: jf_event_fn
    let context: UnsafeMutableRawPointer?
    let instance: UnsafeMutableRawPointer?
    /// ``LoadedPlugin``.
    let plugin: UnsafeRawPointer
    /// ``InlineMeter``.
    let meter: Unmanaged<InlineMeter>
    /// Of loop 0; those of the other loops follow.
    let counters: UnsafeMutablePointer<InlineCounters>
}
