import Glibc
import PluginHost
import Support

/// The test of HTTP routes.
extension CheckRun {
    func checkRoutes() throws {
        try withPlugin { host in
            let descriptor = try host.descriptor
            if descriptor.routes.isEmpty { note("it has no route") }
            var random = SeededGenerator(seed: options.seed)
            for route in descriptor.routes {
                var (unanswered, failed): ([String], [String]) = ([], [])
                for number in 0..<60 {
                    let path = HTTPFuzz.path(of: route, &random)
                    let body = HTTPFuzz.bodies[number % HTTPFuzz.bodies.count]
                    let title = "\(route.method) \(path.cut(to: 160)) with the body '\(body.cut(to: 80))'"
                    step("\(title) is requested")
                    let answer = try HTTPFuzz.request(
                        route.method.text, path, body: Array(body.utf8), user: number % 5 == 0 ? nil : "alice",
                        type: HTTPFuzz.types[number % HTTPFuzz.types.count], port: host.port(),
                        milliseconds: host.deadline)
                    guard let answer else {
                        guard host.isIdle else { throw host.hang() }
                        unanswered.append(title)
                        break
                    }
                    if answer.isUnanswered {
                        unanswered.append(title)
                    } else if answer.status == 500 {
                        failed.append(title)
                    }
                }
                if let first = unanswered.first {
                    fail("\(first): the handler did not answer (\(unanswered.count) such requests)")
                }
                if let first = failed.first {
                    warn(
                        "\(first): it answered 500 (\(failed.count) such requests), which means that the fault is its own"
                    )
                }
                // Clients that disconnect before the answer.
                for _ in 0..<10 {
                    step("\(route.method) \(route.path) is requested by a client that disconnects at once")
                    try HTTPFuzz.abandon(route.method.text, HTTPFuzz.path(of: route, &random), port: host.port())
                }
                try host.settle()
            }
        }
    }
}

/// Requests over a connection to 127.0.0.1, and what may stand in them.
enum HTTPFuzz {
    struct Answer {
        let status: Int
        let head: [UInt8]
        let body: [UInt8]

        /// Whether the host answered because the handler has neither answered nor kept the request.
        var isUnanswered: Bool {
            status == 500 && String(decoding: body, as: UTF8.self).contains("did not answer")
        }
    }

    static let bodies = [
        "", "{}", "[]", "null", "{", #"{"a":1}"#, #"{"user_id":"alice","type":"t","title":"x"}"#, "\u{0}\u{1}",
        #"{"name":"\#(String(repeating: "n", count: 3_000))"}"#, String(repeating: "z", count: 200_000),
        #"{"name":null,"title":1,"body":[],"data":{"x":{}}}"#, "a=1&b=%00", #""text""#, "-1", #"{"title":"\ud800"}"#,
    ]
    static let types = [
        "application/json", "text/plain", "", "application/octet-stream", "application/json; charset=\"x",
    ]
    static let segments = [
        "x", "1", "-1", "0", "%00", "%F0%9F%98%80", "%FF", "..%2F..%2Fetc", "a%20b", "%25s",
        String(repeating: "s", count: 1_000), "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    ]
    static let queries = [
        "", "?", "?a=1", "?after=x&limit=0", "?limit=-1", "?limit=99999999999999999999", "?%00=%00", "?a=1&a=2&a=3",
        "?status=unread&limit=50", "?q=\(String(repeating: "q", count: 2_000))",
    ]
    static let handshakes =
        queries.map { "/socket.io/\($0.isEmpty || $0 == "?" ? "?" : "\($0)&")EIO=4&transport=polling" }

    static func path(of route: RouteDescriptor, _ random: inout SeededGenerator) -> String {
        var path = ""
        for segment in route.path.segments {
            switch segment {
            case .literal(let text): path += "/\(text)"
            case .parameter: path += "/\(random.choose(segments))"
            }
        }
        return path + random.choose(queries)
    }

    /// Sends a request and reads the answer, of a stream its beginning.
    ///
    /// - Returns: `nil` if there is none in time.
    static func request(
        _ method: String, _ path: String, body: [UInt8] = [], user: String? = nil, type: String = "", port: Int,
        milliseconds: Int
    ) throws -> Answer? {
        let connection = try connect(port)
        defer { close(connection) }
        send(head(method, path, body.count, user, type) + body, on: connection)
        var answer: [UInt8] = []
        let end = Clock.monotonicMilliseconds + Int64(milliseconds)
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let left = end - Clock.monotonicMilliseconds
            // A stream never ends by itself; what follows its head is not read for long.
            let hasHead = endOfHead(answer) != nil
            var wanted = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            guard left > 0, poll(&wanted, 1, Int32(hasHead ? min(left, 100) : left)) > 0 else { break }
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            answer += buffer[..<count]
            if answer.count > 1 << 22 { break }
        }
        guard let end = endOfHead(answer), answer.starts(with: "HTTP/1.1 ".utf8),
            let status = Int(String(decoding: answer[9..<12], as: UTF8.self))
        else { return nil }
        return Answer(status: status, head: Array(answer[..<end]), body: Array(answer[end...]))
    }

    /// Sends a request and closes the connection.
    static func abandon(_ method: String, _ path: String, port: Int) throws {
        let connection = try connect(port)
        send(head(method, path, 2, "alice", "application/json") + Array("{}".utf8), on: connection)
        close(connection)
    }

    private static func endOfHead(_ answer: [UInt8]) -> Int? {
        guard answer.count >= 12 else { return nil }
        return answer.indices.dropLast(3).first { answer[$0...].starts(with: [13, 10, 13, 10]) }.map { $0 + 4 }
    }

    private static func head(_ method: String, _ path: String, _ length: Int, _ user: String?, _ type: String)
        -> [UInt8]
    {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: check\r\nConnection: close\r\n"
        if length > 0 || method == "POST" { head += "Content-Length: \(length)\r\n" }
        if let user { head += "Authorization: Bearer \(user)\r\n" }
        if !type.isEmpty { head += "Content-Type: \(type)\r\n" }
        return Array((head + "\r\n").utf8)
    }

    private static func send(_ bytes: [UInt8], on connection: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    private static func connect(_ port: Int) throws -> Int32 {
        let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(connection, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connection >= 0, code == 0 else {
            throw CheckFailure("the check cannot connect to its own server: \(String(cString: strerror(errno)))")
        }
        return connection
    }
}
