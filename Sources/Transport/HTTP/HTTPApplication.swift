/// Everything a server serves that is not Engine.IO: REST, pages, metrics.
public protocol HTTPApplication: AnyObject, Sendable {
    /// Answers `request` through `responder`, now or later. Called on the loop of the request; must not block.
    func respond(to request: HTTPRequest, through responder: HTTPResponder)

    /// Answers, with 413, a request whose body is larger than `limit` bytes. Called in place of `respond`, before the body has come. On the loop of the
    /// request; must not block.
    func refuseBody(largerThan limit: Int, through responder: HTTPResponder)
}
