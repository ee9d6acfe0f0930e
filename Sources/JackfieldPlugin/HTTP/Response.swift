/// An HTTP response. Content-Length and the connection headers are the host's.
public struct Response: Sendable {
    /// 200 to 599.
    public var status: Int
    public var contentType: String
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    var isLater = false
    var problem: Problem?

    public init(status: Int, contentType: String, headers: [(name: String, value: String)] = [], body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    /// `return try .json(row, status: 201)`.
    public static func json(_ value: any Encodable, status: Int = 200) throws -> Response {
        Response(status: status, contentType: "application/json", body: try JSONEncoding.write(value).bytes)
    }

    /// The same with what is JSON already.
    public static func json(_ json: JSON, status: Int = 200) -> Response {
        Response(status: status, contentType: "application/json", body: json.bytes)
    }

    public static func text(_ text: String, status: Int = 200) -> Response {
        Response(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    /// Nothing to say: 204.
    public static let empty = Response(status: 204, contentType: "application/json", body: [])

    /// `application/problem+json`. Throwing the problem from the handler does the same.
    public static func problem(_ problem: Problem) -> Response {
        var response = Response(status: problem.status, contentType: "application/problem+json", body: [])
        response.problem = problem
        return response
    }

    /// The request was kept, or is answered by a stream.
    public static let later: Response = {
        var response = Response.empty
        response.isLater = true
        return response
    }()

    public func header(_ name: String, _ value: String) -> Response {
        var copy = self
        copy.headers.append((name, value))
        return copy
    }
}
