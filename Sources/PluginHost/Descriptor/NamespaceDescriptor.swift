import CJackfield
import Support

/// One `jf_nsp_decl`, checked. `@unchecked Sendable` as ``PluginDescriptor``.
///
/// A declaration for several namespaces is several of these.
struct NamespaceDescriptor: @unchecked Sendable {
    /// Which of the list it is, from 1.
    var number: Int
    /// The name, or a POSIX extended regular expression.
    var name: ByteString
    var isPattern: Bool
    var run: RunMode
    var admit: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_attempt>?, UnsafeMutablePointer<jf_refusal>?) -> Int32)?
    var connected: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void)?
    var disconnecting: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void)?
    var disconnected: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void)?
    /// The plugin's own, handed back to each hook.
    var context: UnsafeMutableRawPointer?

    var hasHooks: Bool { admit != nil || connected != nil || disconnecting != nil || disconnected != nil }
}
