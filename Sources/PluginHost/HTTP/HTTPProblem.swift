import Transport

/// Errors of the house over HTTP: `application/problem+json`, RFC 9457.
public enum HTTPProblem {
    /// `{"type":"about:blank","title":…,"status":…,"code":…,"detail":…}`.
    public static func body(_ status: Int, code: String, detail: String) -> [UInt8] {
        var json = JSONBuilder()
        json.beginObject()
        json.text("about:blank", key: "type")
        json.text(title(status), key: "title")
        json.integer(Int64(status), key: "status")
        json.text(code, key: "code")
        json.text(detail, key: "detail")
        json.endObject()
        return json.bytes
    }

    /// Answers with a problem.
    ///
    /// - Returns: `false` if there was an answer before, or the client has gone.
    @discardableResult
    public static func respond(
        _ status: Int, code: String, detail: String, headers: [(String, String)] = [], through responder: HTTPResponder
    ) -> Bool {
        responder.respond(
            status: status, headers: [("Content-Type", "application/problem+json")] + headers, body: body(status, code: code, detail: detail))
    }

    /// The reason phrase of RFC 9110.
    static func title(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 410: "Gone"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 507: "Insufficient Storage"
        default: status < 400 ? "OK" : status < 500 ? "Client Error" : "Server Error"
        }
    }
}
