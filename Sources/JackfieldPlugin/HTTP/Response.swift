/// An HTTP response. The host adds Content-Length and the connection headers.
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

    /// A response whose body is already JSON.
    public static func json(_ json: JSON, status: Int = 200) -> Response {
        Response(status: status, contentType: "application/json", body: json.bytes)
    }

    public static func text(_ text: String, status: Int = 200) -> Response {
        Response(status: status, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    /// 204 No Content.
    public static let empty = Response(status: 204, contentType: "application/json", body: [])

    /// `application/problem+json`. Throwing the problem from the handler does the same.
    public static func problem(_ problem: Problem) -> Response {
        var response = Response(status: problem.status, contentType: "application/problem+json", body: [])
        response.problem = problem
        return response
    }

    /// Returned by a handler that kept the request or opened a stream.
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

extension JackfieldHost {
    func respond(_ response: Response, to token: jf_token) throws(HostError) {
        if response.isLater { return }
        if let problem = response.problem {
            _ = try withText(problem.code) { (code) throws(HostError) in
                try withText(problem.message) { (message) throws(HostError) in
                    try reached(
                        http.problem?(pointer, token, UInt32(clamping: problem.status), code, message), "http.problem")
                }
            }
            return
        }
        _ = try withResponse(response) { (raw) throws(HostError) in
            try reached(http.respond?(pointer, token, raw), "http.respond")
        }
    }

    func stream(_ head: Response, to token: jf_token) throws(HostError) -> ResponseStream {
        let state = ResponseStream.State()
        let context = Unmanaged.passRetained(state)
        var watch = jf_stream_callbacks(
            struct_size: UInt32(MemoryLayout<jf_stream_callbacks>.size), reserved: 0, context: context.toOpaque(),
            writable: ResponseStream.State.writable,
            closed: ResponseStream.State.closed)
        var stream: jf_stream = 0
        do {
            try withResponse(head) { (raw) throws(HostError) in
                try check(http.stream?(pointer, token, raw, &watch, &stream), "http.stream")
            }
        } catch {
            context.release()
            throw error
        }
        return ResponseStream(host: self, stream: stream, state: state)
    }

    /// Passes a `jf_response` to `body`, valid until `body` returns.
    private func withResponse<Result>(
        _ response: Response, _ body: (UnsafePointer<jf_response>) throws(HostError) -> Result
    ) throws(HostError) -> Result {
        try withTexts(response.headers.flatMap { [$0.name, $0.value] }) { (texts, _) throws(HostError) in
            let pairs = (0..<response.headers.count).map { index in
                jf_pair(name: texts?[2 * index] ?? jf_text(), value: texts?[2 * index + 1] ?? jf_text())
            }
            return try pairs.withUnsafeBufferPointer { (pairs) throws(HostError) in
                try withText(response.contentType) { (contentType) throws(HostError) in
                    try response.body.withUnsafeBufferPointer { (bytes) throws(HostError) in
                        var raw = jf_response(
                            struct_size: UInt32(MemoryLayout<jf_response>.size),
                            status: UInt32(clamping: response.status),
                            headers: pairs.baseAddress, header_count: UInt32(pairs.count), reserved: 0,
                            content_type: contentType,
                            body: jf_bytes(UnsafeRawBufferPointer(bytes)))
                        return try body(&raw)
                    }
                }
            }
        }
    }
}
