import CJackfield
import Signatures
import Support

/// The declarations of a plugin, read once, checked and copied.
///
/// `@unchecked Sendable`: everything in it is immutable, and its C function pointers are addresses of code that is
/// never unmapped.
package struct PluginDescriptor: @unchecked Sendable {
    package internal(set) var name: String
    package internal(set) var version: String
    var create:
        (
            @convention(c) (
                OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?, UnsafeMutablePointer<jf_error>?
            ) -> Int32
        )?
    var start: (@convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<jf_error>?) -> Int32)?
    var stop: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    var destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    var presence: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_presence_change>?) -> Void)?
    var ready: (@convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<jf_error>?) -> Int32)?
    typealias Handshake =
        @convention(c) (
            UnsafeMutableRawPointer?, UnsafePointer<jf_handshake>?, UnsafeMutablePointer<jf_handshake_reply>?
        ) -> Int32
    var handshake: Handshake?
    var save:
        (
            @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<jf_saved>?, UnsafeMutablePointer<jf_error>?)
                -> Int32
        )?
    var restore:
        (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_saved>?, UnsafeMutablePointer<jf_error>?) -> Int32)?
    var resumed: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    package internal(set) var events: [EventDescriptor] = []
    package internal(set) var namespaces: [NamespaceDescriptor] = []
    package internal(set) var routes: [RouteDescriptor] = []
    package internal(set) var timers: [TimerDescriptor] = []
    package internal(set) var services: [ServiceDescriptor] = []
    package internal(set) var functions: [FunctionDescriptor] = []
    package internal(set) var emits: [EmitDescriptor] = []

    package var hasHandshake: Bool { handshake != nil }

    /// Whether any callback runs on a lane.
    package var usesLanes: Bool {
        events.contains { $0.run.usesLanes } || namespaces.contains { $0.run.usesLanes }
            || routes.contains { $0.run.usesLanes } || functions.contains { $0.run.usesLanes }
            || services.contains { $0.methods.contains { $0.run.usesLanes } }
    }

    /// The numbers of declarations: "3 events, 1 namespace, 2 routes, no timers".
    package var summary: String {
        func count(_ number: Int, _ one: String) -> String {
            number == 0 ? "no \(one)s" : "\(number) \(one)\(number == 1 ? "" : "s")"
        }
        // Most plugins have none of these.
        let rare = [(functions.count, "function"), (services.count, "service")].filter { $0.0 > 0 }
        return
            ([
                count(events.count { !$0.isFunction }, "event"), count(namespaces.count, "namespace"),
                count(routes.count, "route"),
                count(timers.count, "timer"),
            ] + rare.map { count($0.0, $0.1) })
            .joined(separator: ", ")
    }
}

/// One `jf_nsp_decl`, checked. `@unchecked Sendable` as ``PluginDescriptor``.
///
/// A declaration for several namespaces becomes several descriptors.
package struct NamespaceDescriptor: @unchecked Sendable {
    /// Position in the plugin's list, from 1.
    var number: Int
    /// The name, or a POSIX extended regular expression.
    package internal(set) var name: ByteString
    package internal(set) var isPattern: Bool
    package internal(set) var run: RunMode
    var admit:
        (
            @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_attempt>?, UnsafeMutablePointer<jf_refusal>?) ->
                Int32
        )?
    var connected: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void)?
    var disconnecting: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void)?
    var disconnected: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void)?
    /// The plugin's context, passed to each hook.
    var context: UnsafeMutableRawPointer?

    var hasHooks: Bool { admit != nil || connected != nil || disconnecting != nil || disconnected != nil }
}

/// One `jf_event_decl`, checked. `@unchecked Sendable` as ``PluginDescriptor``.
///
/// A declaration for several namespaces becomes several descriptors.
package struct EventDescriptor: @unchecked Sendable {
    /// Position in the plugin's list, from 1.
    var number: Int
    /// A namespace's name, or the text of the pattern under which it was declared.
    package internal(set) var namespace: ByteString
    /// Empty: every event without a handler of its own.
    package internal(set) var name: ByteString
    var handler: jf_event_fn
    /// The plugin's context, passed with each event.
    var context: UnsafeMutableRawPointer?
    package internal(set) var run: RunMode
    /// Whether the handler only observes the event (`JF_EVENT_OBSERVE`).
    package internal(set) var observes: Bool
    /// Checks the arguments against the declared signature; nil: any arguments are right.
    package internal(set) var contract: Contract?

    /// The types of the arguments and of the ack; nil: any.
    package var signature: Signature? { contract?.signature }
    /// Whether a function of the plugin declares it; ``number`` is then the position in the list of functions.
    package internal(set) var isFunction = false
}

/// One `jf_route_decl`, checked. `@unchecked Sendable` as ``PluginDescriptor``.
package struct RouteDescriptor: @unchecked Sendable {
    package internal(set) var method: ByteString
    package internal(set) var path: RoutePath
    var handler: jf_request_fn
    /// The plugin's context, passed with each request.
    var context: UnsafeMutableRawPointer?
    package internal(set) var run: RunMode
    package internal(set) var access: RouteAccess
}

/// One `jf_timer_decl`, checked. `@unchecked Sendable` as ``PluginDescriptor``; the host only passes the context back.
package struct TimerDescriptor: @unchecked Sendable {
    var handler: jf_task_fn
    var context: UnsafeMutableRawPointer?
    /// Milliseconds.
    package internal(set) var interval: Int64
}

/// The thread and the order in which callbacks run: `JF_RUN_*`.
package enum RunMode: Sendable, Equatable {
    /// On the plugin's strand, one at a time, in order.
    case strand
    /// On the lanes, in order for each user.
    case byUser
    /// On the lanes, in order for each value of the key: a JSON pointer into an event's arguments, or a parameter of a
    /// route.
    case byKey(ByteString)
    /// On the lanes, in no order; as many at once as there are lanes.
    case parallel
    /// On the event loop, at once.
    case inline

    /// Whether the callback runs on a lane instead of the strand.
    var usesLanes: Bool {
        switch self {
        case .strand, .inline: false
        case .byUser, .byKey, .parallel: true
        }
    }
}
