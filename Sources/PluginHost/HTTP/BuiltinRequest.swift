import Transport

/// A request on its way to the daemon itself.
final class BuiltinRequest: HTTPRequestReceiver {
    private var routed: RoutedRequest
    private let handler: HTTPRouter.BuiltinHandler

    init(_ routed: RoutedRequest, _ handler: @escaping HTTPRouter.BuiltinHandler) {
        self.routed = routed
        self.handler = handler
    }

    func respond(to request: HTTPRequest, through responder: HTTPResponder) {
        routed.request = request
        handler(routed, responder)
    }
}
