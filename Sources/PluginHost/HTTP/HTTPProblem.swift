import RawJSON
import Transport

/// The host's errors over HTTP: `application/problem+json`, RFC 9457.
public enum HTTPProblem {
    /// `{"type":"about:blank","title":…,"status":…,"code":…,"detail":…}`.
    public static func body(_ status: Int, code: String, detail: String) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.text("about:blank", key: "type")
        json.text(HTTPReason.phrase(status), key: "title")
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
        responder.refuse(
            status: status, reason: code, detail: detail, headers: [("Content-Type", "application/problem+json")] + headers,
            body: body(status, code: code, detail: detail))
    }
}
