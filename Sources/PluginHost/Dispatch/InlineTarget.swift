import CJackfield

/// What it takes to call an inline handler, as plain addresses: the path of an event must not touch a reference count that two loops share.
///
/// Everything it points to lives as long as the plugin, which is for ever.
struct InlineTarget {
    let handler: jf_event_fn
    let context: UnsafeMutableRawPointer?
    let instance: UnsafeMutableRawPointer?
    /// ``Plugin``.
    let plugin: UnsafeRawPointer
    /// One for each loop.
    let counters: UnsafeMutablePointer<InlineCounters>
}
