/// Status and headers of an answer; what frames the body is added when it is written.
struct HTTPResponseHead: Sendable {
    var status: Int
    var headers: [(String, String)]

    init(status: Int, headers: [(String, String)] = []) {
        self.status = status
        self.headers = headers
    }

    /// How the end of the body is told.
    enum Framing {
        case length(Int)
        case chunked
        /// The end of the connection (HTTP/1.0), or no body at all.
        case none
    }

    /// Writes the head, the empty line included.
    func write(to output: ConnectionOutput, framing: Framing, connection: String?) {
        let reason = HTTPReason.phrase(status)
        var size = 9 + 3 + 1 + reason.utf8.count + 2 + 2
        for (name, value) in headers { size += name.utf8.count + value.utf8.count + 4 }
        var length: String?
        switch framing {
        case .length(let count):
            length = String(count)
            size += "Content-Length: \r\n".utf8.count + length!.utf8.count
        case .chunked: size += "Transfer-Encoding: chunked\r\n".utf8.count
        case .none: break
        }
        if let connection { size += "Connection: \r\n".utf8.count + connection.utf8.count }

        var writer = Writer(position: output.append(size))
        writer.put("HTTP/1.1 ")
        writer.put(status: status)
        writer.put(" ")
        writer.put(reason)
        writer.put("\r\n")
        for (name, value) in headers {
            writer.put(name)
            writer.put(": ")
            writer.put(value)
            writer.put("\r\n")
        }
        if let length {
            writer.put("Content-Length: ")
            writer.put(length)
            writer.put("\r\n")
        } else if case .chunked = framing {
            writer.put("Transfer-Encoding: chunked\r\n")
        }
        if let connection {
            writer.put("Connection: ")
            writer.put(connection)
            writer.put("\r\n")
        }
        writer.put("\r\n")
    }

    private struct Writer {
        var position: UnsafeMutableRawPointer

        @inline(__always)
        mutating func put(_ text: StaticString) {
            position.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
            position += text.utf8CodeUnitCount
        }

        @inline(__always)
        mutating func put(_ text: String) {
            var text = text
            text.withUTF8 { utf8 in
                guard let start = utf8.baseAddress else { return }
                position.copyMemory(from: start, byteCount: utf8.count)
                position += utf8.count
            }
        }

        mutating func put(status: Int) {
            for divisor in [100, 10, 1] {
                position.storeBytes(of: UInt8(0x30 + status / divisor % 10), as: UInt8.self)
                position += 1
            }
        }
    }
}
