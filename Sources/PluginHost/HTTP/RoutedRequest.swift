import Support
import Transport

/// A request with what its route and its token say.
public struct RoutedRequest: Sendable {
    public internal(set) var request: HTTPRequest
    /// The path of the route, which matches the request's.
    let path: RoutePath
    public let identity: ClientIdentity

    /// The parameters of the path, percent-decoded, in order. Made on each call.
    public var parameters: [(name: ByteString, value: ByteString)] {
        request.withBytes { bytes in
            var parameters: [(name: ByteString, value: ByteString)] = []
            path.forEachParameter(of: bytes.path) { name, value in
                parameters.append((ByteString(decoding: name), PercentEncoding.text(value, .path) ?? ""))
            }
            return parameters
        }
    }

    /// The parameter of this name.
    public subscript(name: ByteString) -> ByteString? { parameters.first { $0.name == name }?.value }

    /// The query's parameters, decoded, in order. Made on each call.
    public var query: [(name: ByteString, value: ByteString)] {
        request.withBytes { QueryParts($0.query).decoded }
    }
}
