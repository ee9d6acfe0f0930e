/// What a plugin has declared so far, without its type.
final class DeclaredParts {
    var events: [EventDeclaration] = []
    var namespaces: [NamespaceHooks] = []
    var routes: [RouteDeclaration] = []
    var timers: [TimerDeclaration] = []
    var handshakeHooks: [HandshakeHook] = []

    /// Asked on the event loops, several at once.
    typealias HandshakeHook = @Sendable (borrowing SessionRequest) throws -> Void
}
