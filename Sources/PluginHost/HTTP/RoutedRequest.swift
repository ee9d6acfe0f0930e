import Transport

/// A request with what its route and its token say.
public struct RoutedRequest: Sendable {
    public let request: HTTPRequest
    /// The path of the route, which matches the request's.
    let path: RoutePath
    public let identity: ClientIdentity

    /// The parameters of the path, percent-decoded, in order. Made on each call.
    public var parameters: [(name: String, value: String)] {
        request.withBytes { bytes in
            var parameters: [(name: String, value: String)] = []
            path.forEachParameter(of: bytes.path) { name, value in
                parameters.append((String(decoding: name, as: UTF8.self), PercentEncoding.decode(value, .path) ?? ""))
            }
            return parameters
        }
    }

    /// The parameter of this name.
    public subscript(name: String) -> String? { parameters.first { $0.name == name }?.value }

    /// The query's parameters, decoded, in order. Made on each call.
    public var query: [(name: String, value: String)] {
        request.withBytes { PercentEncoding.parameters($0.query) }
    }
}
