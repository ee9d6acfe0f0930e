import Transport

/// Somebody who waits for an HTTP response.
struct PluginReply: Sendable {
    let responder: HTTPResponder

    var isGone: Bool { responder.isGone }

    /// - Returns: `false` if nobody waits any more.
    func respond(_ status: Int, _ fields: HTTPFields, _ body: UnsafeRawBufferPointer) -> Bool {
        responder.respond(status: status, fields: fields, body: body)
    }

    @discardableResult
    func problem(_ status: Int, code: String, detail: String) -> Bool {
        HTTPProblem.respond(status, code: code, detail: detail, through: responder)
    }

    func stream(_ status: Int, _ fields: HTTPFields) -> HTTPStream? {
        responder.stream(status: status, fields: fields)
    }

    func onGone(_ handler: @escaping @Sendable () -> Void) { responder.onGone(handler) }
}
