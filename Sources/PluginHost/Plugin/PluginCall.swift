import CJackfield

/// A function of a plugin with the context it wants back.
///
/// `@unchecked Sendable`: both are addresses that the host only hands back; what is behind the context is the plugin's affair.
struct PluginCall<Function>: @unchecked Sendable {
    let function: Function
    let context: UnsafeMutableRawPointer?
}
