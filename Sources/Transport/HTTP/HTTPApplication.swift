/// Everything a server serves that is not Engine.IO: REST, pages, metrics.
public protocol HTTPApplication: AnyObject, Sendable {
    /// Looks at a request before its body is read: finds out who answers it, and whether its sender may ask. Called on
    /// the loop of the request; must not block.
    ///
    /// - Parameters:
    ///   - head: the request without its body.
    ///   - responder: answers at once what is refused; the body is then dropped as it comes.
    func decide(_ head: HTTPRequest, through responder: HTTPResponder) -> HTTPDecision

    /// Answers, with 413, a request whose body is larger than `limit` bytes. Called in place of the receiver, before
    /// the body has come. On the loop of the request; must not block.
    func refuseBody(largerThan limit: Int, through responder: HTTPResponder)
}

/// What an application makes of a request's head.
public enum HTTPDecision {
    /// The answer has been given; nobody wants the body.
    case answered
    /// The body is read, and this gets the whole request. `isKnown`: its sender has shown who it is, so that its bytes
    /// are kept longer than those of unauthenticated clients when memory runs short.
    case body(any HTTPRequestReceiver, isKnown: Bool)
}

/// Who answers a complete request.
public protocol HTTPRequestReceiver: AnyObject {
    /// Answers `request` through `responder`, now or later. Called on the loop of the request, once at
    /// the most; must not block.
    func respond(to request: HTTPRequest, through responder: HTTPResponder)
}
