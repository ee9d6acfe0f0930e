/// Serves everything outside of Engine.IO: REST, pages, metrics.
public protocol HTTPApplication: AnyObject, Sendable {
    /// Decides about a request before its body is read: what answers it, and whether its sender is allowed to make it.
    /// Called on the loop of the request; must not block.
    ///
    /// - Parameters:
    ///   - head: the request without its body.
    ///   - responder: answers a refused request at once; its body is then dropped as it arrives.
    func decide(_ head: HTTPRequest, through responder: HTTPResponder) -> HTTPDecision

    /// Answers a request whose body is larger than `limit` bytes with 413. Called instead of the receiver, before the
    /// body has arrived. On the loop of the request; must not block.
    func refuseBody(largerThan limit: Int, through responder: HTTPResponder)
}

/// The decision of an application about a request's head.
public enum HTTPDecision {
    /// The request has been answered; its body is dropped.
    case answered
    /// The body is read, and the receiver gets the complete request. `isKnown`: the sender is authenticated, so that
    /// its connection is not closed with the unauthenticated ones when memory runs short.
    case body(any HTTPRequestReceiver, isKnown: Bool)
}

/// Answers complete requests.
public protocol HTTPRequestReceiver: AnyObject {
    /// Answers `request` through `responder`, during the call or later. Called on the loop of the request, at most
    /// once; must not block.
    func respond(to request: HTTPRequest, through responder: HTTPResponder)
}
