import Transport

/// A request with what its route and its token say. For the daemon's own routes.
public struct RoutedRequest: Sendable {
    public let request: HTTPRequest
    /// The parameters of the path, percent-decoded, in order.
    public let parameters: [(name: String, value: String)]
    public let identity: ClientIdentity

    /// The parameter of this name.
    public subscript(name: String) -> String? { parameters.first { $0.name == name }?.value }

    /// The query's parameters, decoded, in order.
    public var query: [(name: String, value: String)] { PercentEncoding.parameters(request.query) }
}
