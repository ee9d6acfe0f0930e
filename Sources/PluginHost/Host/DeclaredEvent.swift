import Signatures
import Support

/// An event that clients may send or receive, as a plugin or the daemon has declared it.
public struct DeclaredEvent: Sendable, Hashable {
    /// A name or the text of a pattern; `nil`: every namespace.
    public var namespace: ByteString?
    /// Never empty.
    public var name: ByteString
    /// `nil`: the declaration does not describe the arguments.
    public var signature: Signature?
    /// Whether the server emits the event; otherwise clients emit it.
    public var isFromServer: Bool
    /// The name of the plugin; `nil`: the host itself.
    public var plugin: ByteString?

    public init(
        namespace: ByteString?, name: ByteString, signature: Signature?, isFromServer: Bool, plugin: ByteString?
    ) {
        self.namespace = namespace
        self.name = name
        self.signature = signature
        self.isFromServer = isFromServer
        self.plugin = plugin
    }
}

/// Two declarations of one event that the server emits, with signatures that differ: clients can have no type for it.
public struct EmitConflict: Sendable, Hashable, CustomStringConvertible {
    public let first: DeclaredEvent
    public let second: DeclaredEvent

    private struct Key: Hashable {
        let namespace: ByteString?
        let name: ByteString
    }

    /// The conflicts among `events`: at most one for each event, with an earlier one that clients of its namespace get.
    /// Those of every namespace, which are the host's, come first.
    public static func all(in events: [DeclaredEvent]) -> [EmitConflict] {
        var known: [Key: DeclaredEvent] = [:]
        var found: [EmitConflict] = []
        for event in events where event.isFromServer {
            guard let signature = event.signature else { continue }
            let key = Key(namespace: event.namespace, name: event.name)
            guard let other = known[Key(namespace: nil, name: event.name)] ?? known[key] else {
                known[key] = event
                continue
            }
            if let expected = other.signature, signature.difference(from: expected) != nil {
                found.append(EmitConflict(first: other, second: event))
            }
        }
        return found
    }

    public var description: String {
        func text(_ event: DeclaredEvent) -> String {
            let owner = event.plugin.map { "plugin '\($0)'" } ?? "the host"
            return "\(owner) emits '\(event.signature.map { "\($0)" } ?? "")'"
        }
        let namespace = (second.namespace ?? first.namespace).map { " of '\($0)'" } ?? ""
        return "event '\(first.name)'\(namespace) has two signatures: \(text(first)), \(text(second))"
    }
}

extension Host {
    /// The daemon's own events, then those of the plugins whose declarations are in force, in the order of loading.
    /// [any-thread]
    public var declaredEvents: [DeclaredEvent] {
        let (builtins, plugins) = registry.withLock { ($0.builtinDeclarations, $0.snapshot.plugins) }
        return builtins + plugins.flatMap(\.declaredEvents)
    }

    /// Declares an event that the daemon sends to clients, in every namespace.
    public func declareBuiltinEmit(_ event: ByteString, signature: Signature) {
        let declaration = DeclaredEvent(
            namespace: nil, name: event, signature: signature, isFromServer: true, plugin: nil)
        registry.withLock { $0.builtinDeclarations.append(declaration) }
    }
}

extension LoadedPlugin {
    /// The named events of the descriptor. Observers and handlers for every name are not among them: they add no name
    /// that clients could use.
    var declaredEvents: [DeclaredEvent] {
        let plugin = ByteString(name)
        func event(
            _ namespace: ByteString, _ name: ByteString, _ signature: Signature?, isFromServer: Bool = false
        ) -> DeclaredEvent {
            DeclaredEvent(
                namespace: namespace, name: name, signature: signature, isFromServer: isFromServer, plugin: plugin)
        }
        return descriptor.events.filter { !$0.observes && !$0.name.isEmpty && !$0.isFunction }
            .map { event($0.namespace, $0.name, $0.signature) }
            + descriptor.functions.map { event($0.namespace, $0.name, $0.signature) }
            + descriptor.emits.map { event($0.namespace, $0.name, $0.signature, isFromServer: true) }
    }
}
