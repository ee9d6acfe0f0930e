/// Status and headers of an answer; what frames the body is added when it is written.
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

    /// How the end of the body is told.
    enum Framing {
        case length(Int)
        case chunked
        /// The end of the connection (HTTP/1.0), or no body at all.
        case none
    }

    /// Writes the head, the empty line included, and makes room for `space` bytes behind it.
    ///
    /// - Parameters:
    ///   - common: fields that follow the answer's own.
    ///   - connection: what the header of this name says; nil: it is left out.
    /// - Returns: where the room is; valid as ``ConnectionOutput/append(_:)-(Int)`` has it.
    @discardableResult
    func write(
        to output: ConnectionOutput, common: HTTPFields = HTTPFields(), framing: Framing, connection: StaticString?, space: Int = 0
    ) -> UnsafeMutableRawPointer {
        let reason = HTTPReason.phrase(status)
        let nosniff: StaticString = status == 101 ? "" : Self.nosniff
        var size = 9 + 3 + 1 + reason.utf8.count + 2 + fields.lines.count + common.lines.count + nosniff.utf8CodeUnitCount + 2
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

    /// Every answer is what it says it is: no browser takes one for a script or a page because of what a client made it say.
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
