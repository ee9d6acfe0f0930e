import CJackfield
import Support

/// One `jf_event_decl`, checked. `@unchecked Sendable` as ``PluginDescriptor``.
struct EventDeclaration: @unchecked Sendable {
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
