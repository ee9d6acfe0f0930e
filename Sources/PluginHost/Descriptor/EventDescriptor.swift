import CJackfield
import Support

/// One `jf_event_decl`, checked. `@unchecked Sendable` as ``PluginDescriptor``.
///
/// A declaration for several namespaces is several of these.
struct EventDescriptor: @unchecked Sendable {
    /// Which of the list it is, from 1.
    var number: Int
    /// A namespace's name, or the text of the pattern under which it was declared.
    var namespace: ByteString
    /// Empty: every event that nobody declared by name.
    var name: ByteString
    var handler: jf_event_fn
    /// The plugin's own, handed back with each event.
    var context: UnsafeMutableRawPointer?
    var run: RunMode
    /// Whether it only looks on.
    var observes: Bool
}
