import CJackfield

/// What a plugin declared, read once, checked, and from then on the host's own.
///
/// `@unchecked Sendable`: everything in it is immutable, and the C function pointers among it are addresses of code that is never unmapped.
struct PluginDescriptor: @unchecked Sendable {
    var name: String
    var version: String
    var create: (@convention(c) (OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?, UnsafeMutablePointer<jf_error>?) -> Int32)?
    var start: (@convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<jf_error>?) -> Int32)?
    var stop: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    var destroy: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    var presence: (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_presence_change>?) -> Void)?
    var ready: (@convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<jf_error>?) -> Int32)?
    typealias Handshake = @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_handshake>?, UnsafeMutablePointer<jf_handshake_reply>?) -> Int32
    var handshake: Handshake?
    var events: [EventDescriptor] = []
    var namespaces: [NamespaceDescriptor] = []
    var routes: [RouteDescriptor] = []
    var timers: [TimerDescriptor] = []

    /// Whether any callback runs elsewhere than on the strand or inline.
    var usesLanes: Bool {
        events.contains { $0.run.usesLanes } || namespaces.contains { $0.run.usesLanes } || routes.contains { $0.run.usesLanes }
    }

    /// What it declares, counted: "3 events, 1 namespace, 2 routes, no timers".
    var summary: String {
        func count(_ number: Int, _ one: String) -> String {
            number == 0 ? "no \(one)s" : "\(number) \(one)\(number == 1 ? "" : "s")"
        }
        return [count(events.count, "event"), count(namespaces.count, "namespace"), count(routes.count, "route"), count(timers.count, "timer")]
            .joined(separator: ", ")
    }
}
