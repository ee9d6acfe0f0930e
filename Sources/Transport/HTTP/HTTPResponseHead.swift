/// Status and headers of a response. The headers for the length of the body are added on writing.
struct HTTPResponseHead: Sendable {
    var status: Int
    var fields: HTTPFields

    init(status: Int, fields: HTTPFields) {
        self.status = status
        self.fields = fields
    }

    init(status: Int, headers: [(name: String, value: String)] = []) {
        self.init(status: status, fields: HTTPFields(headers))
    }

    /// How the length of the body is determined.
    enum Framing {
        case length(Int)
        case chunked
        /// The end of the connection (HTTP/1.0), or no body at all.
        case none
    }

    /// Writes the head, including the empty line, and reserves `space` bytes behind it.
    ///
    /// - Parameters:
    ///   - common: fields that follow the response's own.
    ///   - connection: the value of the `Connection` header; nil: no such header.
    /// - Returns: the address of the reserved bytes; valid as that of ``ConnectionOutput/append(_:)-(Int)``.
    @discardableResult
    func write(
        to output: ConnectionOutput, common: HTTPFields = HTTPFields(), framing: Framing, connection: StaticString?,
        space: Int = 0
    ) -> UnsafeMutableRawPointer {
        let reason = HTTPReason.phrase(status)
        let nosniff: StaticString = status == 101 ? "" : Self.nosniff
        var size =
            9 + 3 + 1 + reason.utf8.count + 2 + fields.lines.count + common.lines.count + nosniff.utf8CodeUnitCount + 2
        var length = ""
        switch framing {
        case .length(let count):
            length = String(count)
            size += "Content-Length: \r\n".utf8.count + length.utf8.count
        case .chunked: size += "Transfer-Encoding: chunked\r\n".utf8.count
        case .none: break
        }
        if let connection { size += "Connection: \r\n".utf8.count + connection.utf8CodeUnitCount }

        var writer = Writer(position: output.append(size + space))
        writer.put("HTTP/1.1 ")
        writer.put(status: status)
        writer.put(" ")
        writer.put(text: reason)
        writer.put("\r\n")
        writer.put(fields)
        writer.put(common)
        writer.put(nosniff)
        switch framing {
        case .length:
            writer.put("Content-Length: ")
            writer.put(text: length)
            writer.put("\r\n")
        case .chunked: writer.put("Transfer-Encoding: chunked\r\n")
        case .none: break
        }
        if let connection {
            writer.put("Connection: ")
            writer.put(connection)
            writer.put("\r\n")
        }
        writer.put("\r\n")
        return writer.position
    }

    /// Forbids browsers to guess the content type, so that a response with text from a client is not run as a script or
    /// shown as a page.
    private static let nosniff: StaticString = "X-Content-Type-Options: nosniff\r\n"

    private struct Writer {
        var position: UnsafeMutableRawPointer

        @inline(__always)
        mutating func put(_ bytes: UnsafeRawBufferPointer) {
            guard let start = bytes.baseAddress else { return }
            position.copyMemory(from: start, byteCount: bytes.count)
            position += bytes.count
        }

        @inline(__always)
        mutating func put(_ text: StaticString) {
            put(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }

        @inline(__always)
        mutating func put(_ fields: HTTPFields) {
            fields.lines.withUnsafeBytes { put($0) }
        }

        @inline(__always)
        mutating func put(text: String) {
            var text = text
            text.withUTF8 { put(UnsafeRawBufferPointer($0)) }
        }

        mutating func put(status: Int) {
            for divisor in [100, 10, 1] {
                position.storeBytes(of: UInt8(0x30 + status / divisor % 10), as: UInt8.self)
                position += 1
            }
        }
    }
}

/// Header fields of a response, stored as the lines that are sent.
public struct HTTPFields: Sendable {
    private(set) var lines: [UInt8] = []

    public init() {}

    /// - Parameter lines: the ``lines`` of another value.
    init(lines: [UInt8]) {
        self.lines = lines
    }

    /// - Parameter fields: fields that ``add`` refuses are left out.
    public init(_ fields: [(name: String, value: String)]) {
        for (name, value) in fields { add(name, value) }
    }

    /// - Parameter contentType: the value of the only field, `Content-Type`.
    public init(contentType: UnsafeRawBufferPointer) {
        add("Content-Type", contentType)
    }

    /// Adds a field.
    /// - Returns: false, without adding it, if the name is no token or the value contains control characters. Such a
    ///   field could end its line early, and its author could inject the rest of the response.
    @discardableResult
    public mutating func add(_ name: String, _ value: String) -> Bool {
        var (name, value) = (name, value)
        return name.withUTF8 { name in
            value.withUTF8 { add(UnsafeRawBufferPointer(name), UnsafeRawBufferPointer($0)) }
        }
    }

    /// As the other `add`, with bytes. Invalid UTF-8 in the value becomes U+FFFD.
    @discardableResult
    public mutating func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        guard HTTPSyntax.isToken(name), HTTPSyntax.isFieldValue(value) else { return false }
        lines.reserveCapacity(lines.count + name.count + value.count + 4)
        lines.append(contentsOf: name)
        lines.append(0x3A)
        lines.append(0x20)
        if HTTPSyntax.isASCII(value) {
            lines.append(contentsOf: value)
        } else {
            lines.append(contentsOf: String(decoding: value, as: UTF8.self).utf8)
        }
        lines.append(0x0D)
        lines.append(0x0A)
        return true
    }

    @discardableResult
    mutating func add(_ name: StaticString, _ value: UnsafeRawBufferPointer) -> Bool {
        add(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), value)
    }

    public var isEmpty: Bool { lines.isEmpty }

    /// Adds the fields of `other`.
    public mutating func add(_ other: HTTPFields) {
        lines.append(contentsOf: other.lines)
    }
}

/// The reason phrases of RFC 9110, except for 413, which keeps the older name that Node uses.
public enum HTTPReason {
    /// - Returns: the phrase of the status; for an unknown status, a phrase for its class.
    public static func phrase(_ status: Int) -> String {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
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
        case 413: "Payload Too Large"
        case 415: "Unsupported Media Type"
        case 416: "Range Not Satisfiable"
        case 417: "Expectation Failed"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 428: "Precondition Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 507: "Insufficient Storage"
        default: ofClass(status)
        }
    }

    private static func ofClass(_ status: Int) -> String {
        switch status {
        case ..<300: "OK"
        case ..<400: "Redirection"
        case ..<500: "Client Error"
        default: "Server Error"
        }
    }
}
