import EngineIO
import Glibc
import RawJSON
import Support

extension JSONWriter {
    /// `[{"error":{"code":…,"message":…}}]`: the arguments of each ack in which the host reports an error.
    static func errorArguments(code: String, message: String?) -> [UInt8] {
        var json = JSONWriter()
        json.beginArray()
        json.beginObject()
        json.beginObject("error")
        json.text(code, key: "code")
        if let message { json.text(message, key: "message") }
        json.endObject()
        json.endObject()
        json.endArray()
        return json.bytes
    }

    /// Writes the members of a handshake: headers, query, url, address, secure, time, issued; the same as in the
    /// reference server's `socket.handshake`.
    mutating func handshake(_ handshakeRequest: HandshakeRequest) {
        beginObject("headers")
        // As in Node, repeated headers are joined with a comma, and cookies with a semicolon.
        var order: [ByteString] = []
        var values: [ByteString: String] = [:]
        for header in handshakeRequest.headers {
            let name = ByteString(header.name.lowercased())
            if let value = values[name] {
                values[name] = value + (name == "cookie" ? "; " : ", ") + header.value
            } else {
                order.append(name)
                values[name] = header.value
            }
        }
        for name in order { text(values[name] ?? "", key: name.text) }
        endObject()
        beginObject("query")
        var seen: Set<ByteString> = []
        let uri = handshakeRequest.uri.utf8
        if let cut = uri.firstIndex(of: UInt8(ascii: "?")) {
            let parameters = ByteString(decoding: uri[cut...].dropFirst()).withBytes { QueryParts($0).decoded }
            for (name, value) in parameters where seen.insert(name).inserted {
                text(value, key: name.text)
            }
        }
        endObject()
        text(handshakeRequest.uri, key: "url")
        text(handshakeRequest.remoteAddress, key: "address")
        boolean(handshakeRequest.secure, key: "secure")
        text(Self.date(handshakeRequest.issued), key: "time")
        integer(handshakeRequest.issued, key: "issued")
    }

    /// A date in UTC in JavaScript's format: `Mon Nov 23 2026 01:28:00 GMT+0000 (Coordinated Universal Time)`.
    static func date(_ milliseconds: Int64) -> String {
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 96)
        // `strftime` uses the C locale's names, because nothing here calls `setlocale`.
        let length = strftime(&text, text.count, "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", &parts)
        return String(decoding: text.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
