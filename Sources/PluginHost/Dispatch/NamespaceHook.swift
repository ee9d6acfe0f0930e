import CJackfield

/// One plugin's interest in the connections of a namespace. `@unchecked Sendable` as ``EventRoute``.
final class NamespaceHook: @unchecked Sendable {
    let plugin: Plugin
    let declaration: NamespaceDeclaration

    init(_ declaration: NamespaceDeclaration, of plugin: Plugin) {
        self.plugin = plugin
        self.declaration = declaration
    }
}
