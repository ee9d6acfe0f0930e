import CJackfield
import Support

/// One `jf_route_decl`, checked. `@unchecked Sendable` as ``PluginDescriptor``.
struct RouteDescriptor: @unchecked Sendable {
    var method: ByteString
    var path: RoutePath
    var handler: jf_request_fn
    /// The plugin's own, handed back with each request.
    var context: UnsafeMutableRawPointer?
    var run: RunMode
    var access: RouteAccess
}
