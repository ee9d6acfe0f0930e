import Foundation
import Glibc
import RawJSON
import Support

/// The address of a running daemon: `http://localhost:8080`, with or without a path before the daemon's own paths.
struct DaemonAddress: Sendable, Equatable, CustomStringConvertible {
    /// A name or an address, without the brackets of IPv6.
    let host: String
    let port: UInt16
    /// What a proxy has put before the daemon's paths, without a final slash.
    let prefix: String

    struct Malformed: Error {
        /// What follows the address in a sentence.
        let problem: String
    }

    init(_ text: String) throws(Malformed) {
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), let parts = URLComponents(string: text),
            let scheme = parts.scheme, let host = parts.host, !host.isEmpty
        else {
            throw Malformed(problem: "is no address: write it as in http://localhost:8080")
        }
        guard ByteString(scheme).isEqual(ignoringCase: "http") else {
            throw Malformed(
                problem:
                    "does not begin with http://, and this command does not speak TLS: give the daemon's own address")
        }
        guard parts.user == nil, parts.query == nil, parts.fragment == nil else {
            throw Malformed(problem: "has more than a host, a port and a path: write it as in http://localhost:8080")
        }
        guard let port = UInt16(exactly: parts.port ?? 80), port > 0 else {
            throw Malformed(problem: "has a port that is not in 1 to 65535")
        }
        self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        self.port = port
        prefix = String(parts.percentEncodedPath.reversed().drop { $0 == "/" }.reversed())
    }

    /// As in the header `Host`.
    fileprivate var authority: String {
        (host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host) + (port == 80 ? "" : ":\(port)")
    }

    var description: String { "http://\(authority)\(prefix)" }
}

/// One GET request to a running daemon. It blocks the calling thread, which has nothing else to do.
struct DaemonRequest {
    struct Answer {
        let status: Int
        let body: [UInt8]

        /// The `detail` of a problem, shortened and without control characters; `nil` if there is none.
        var detail: String? {
            guard let text = (try? JSONValue(parsing: body))?["detail"]?.string else { return nil }
            let scalars = text.text.unicodeScalars.prefix(300)
            return String(scalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) })
        }
    }

    /// Seconds from the connection to the last byte.
    static let patience = 30

    /// Bytes of an answer with its head. The contracts of a thousand events have about 200 KB.
    static let longestAnswer = 4 << 20

    private let address: DaemonAddress
    private let request: [UInt8]
    private let deadline = ContinuousClock.now + .seconds(patience)

    /// - Parameters:
    ///   - path: below the address.
    ///   - token: of visible ASCII characters.
    init(_ address: DaemonAddress, path: String, token: String?) {
        self.address = address
        // HTTP/1.0, so that the answer is not in chunks and ends with the connection.
        var text = "GET \(address.prefix)\(path) HTTP/1.0\r\nHost: \(address.authority)\r\nAccept: application/json\r\n"
        if let token { text += "Authorization: Bearer \(token)\r\n" }
        request = Array("\(text)\r\n".utf8)
    }

    func answer() throws(CommandError) -> Answer {
        let socket = try connect()
        defer { close(socket) }
        try send(to: socket)
        return try parse(try receive(from: socket))
    }

    /// Connects to the first address of the host that accepts.
    private func connect() throws(CommandError) -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(address.host, String(address.port), &hints, &list)
        guard result == 0 else {
            throw CommandError("there is no host '\(address.host)': \(String(cString: gai_strerror(result)))")
        }
        defer { freeaddrinfo(list) }
        var failure = ENOENT
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            let kind = entry.ai_socktype | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
            let socket = Glibc.socket(entry.ai_family, kind, entry.ai_protocol)
            guard socket >= 0 else {
                failure = errno
                continue
            }
            if Glibc.connect(socket, entry.ai_addr, entry.ai_addrlen) == 0 { return socket }
            failure = errno
            if failure == EINPROGRESS {
                do throws(CommandError) { try wait(for: socket, POLLOUT) } catch {
                    close(socket)
                    throw error
                }
                var size = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(socket, SOL_SOCKET, SO_ERROR, &failure, &size)
                if failure == 0 { return socket }
            }
            close(socket)
        }
        if failure == ECONNREFUSED {
            throw CommandError("nothing listens at \(address): start the daemon, or correct the address after --url")
        }
        throw CommandError("cannot connect to \(address): \(String(cString: strerror(failure)))")
    }

    private func send(to socket: Int32) throws(CommandError) {
        var sent = 0
        while sent < request.count {
            let count = request[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 { sent += count } else { try retry(socket, POLLOUT) }
        }
    }

    /// All bytes until the daemon closes the connection.
    private func receive(from socket: Int32) throws(CommandError) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            if count == 0 { return bytes }
            guard count > 0 else {
                try retry(socket, POLLIN)
                continue
            }
            guard bytes.count + count <= Self.longestAnswer else {
                throw CommandError("the answer of \(address) has more than \(Self.longestAnswer) bytes")
            }
            bytes += buffer[..<count]
        }
    }

    /// Waits until a call that has failed may succeed; throws if it cannot.
    private func retry(_ socket: Int32, _ event: Int32) throws(CommandError) {
        switch errno {
        case EAGAIN: try wait(for: socket, event)
        case EINTR: return
        case let code: throw CommandError("the connection to \(address) broke: \(String(cString: strerror(code)))")
        }
    }

    private func wait(for socket: Int32, _ event: Int32) throws(CommandError) {
        let rest = deadline - .now
        // Rounded up, so that a rest of less than a millisecond does not end the wait early.
        let milliseconds = Int32(clamping: Int64((rest / .milliseconds(1)).rounded(.up)))
        var descriptor = pollfd(fd: socket, events: Int16(event), revents: 0)
        guard milliseconds > 0, poll(&descriptor, 1, milliseconds) != 0 else {
            throw CommandError("\(address) did not answer within \(Self.patience) s")
        }
    }

    // MARK: The answer

    private func parse(_ bytes: [UInt8]) throws(CommandError) -> Answer {
        let end = Array("\r\n\r\n".utf8)
        guard let head = bytes.firstRange(of: end) else { throw notHTTP }
        let lines = String(decoding: bytes[..<head.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        let status = lines[0].split(separator: " ", maxSplits: 2)
        guard status.count >= 2, status[0].hasPrefix("HTTP/1."), let code = Int(status[1]) else { throw notHTTP }
        let body = Array(bytes[head.upperBound...])
        for line in lines.dropFirst() {
            let field = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            guard field.count == 2, ByteString(field[0]).isEqual(ignoringCase: "content-length") else { continue }
            guard let length = Int(field[1]) else { throw notHTTP }
            guard length == body.count else {
                throw CommandError("the answer of \(address) was cut off after \(body.count) of \(length) bytes")
            }
        }
        return Answer(status: code, body: body)
    }

    private var notHTTP: CommandError {
        CommandError("\(address) does not answer in HTTP: check that a Jackfield listens there, without TLS")
    }
}
