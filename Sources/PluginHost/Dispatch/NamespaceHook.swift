import CJackfield

/// One plugin's interest in the connections of a namespace. `@unchecked Sendable` as ``EventRoute``.
final class NamespaceHook: @unchecked Sendable {
    let plugin: LoadedPlugin
    let declaration: NamespaceDescriptor
    /// Of hooks that run inline.
    let admitMeter: InlineMeter?
    let connectedMeter: InlineMeter?
    let disconnectingMeter: InlineMeter?
    let disconnectedMeter: InlineMeter?

    init(_ declaration: NamespaceDescriptor, of plugin: LoadedPlugin) {
        self.plugin = plugin
        self.declaration = declaration
        func meter(_ name: String, _ isThere: Bool) -> InlineMeter? {
            isThere && declaration.run == .inline ? InlineMeter(Callback("the inline \(name) of '\(declaration.name)'"), of: plugin) : nil
        }
        admitMeter = meter("admit", declaration.admit != nil)
        connectedMeter = meter("connected", declaration.connected != nil)
        disconnectingMeter = meter("disconnecting", declaration.disconnecting != nil)
        disconnectedMeter = meter("disconnected", declaration.disconnected != nil)
    }

    var meters: [InlineMeter] { [admitMeter, connectedMeter, disconnectingMeter, disconnectedMeter].compactMap(\.self) }
}
