import Transport

/// Somebody who waits for an HTTP response.
final class PluginReply: Sendable {
    private let responder: HTTPResponder

    init(_ responder: HTTPResponder) {
        self.responder = responder
    }

    var isGone: Bool { responder.isGone }

    /// - Returns: `false` if nobody waits any more.
    func respond(_ status: Int, _ headers: [(String, String)], _ body: [UInt8]) -> Bool {
        responder.respond(status: status, headers: headers, body: body)
    }

    @discardableResult
    func problem(_ status: Int, code: String, detail: String) -> Bool {
        HTTPProblem.respond(status, code: code, detail: detail, through: responder)
    }

    func stream(_ status: Int, _ headers: [(String, String)]) -> HTTPStream? {
        responder.stream(status: status, headers: headers)
    }

    func onGone(_ handler: @escaping @Sendable () -> Void) { responder.onGone(handler) }
}
