import Transport

extension Benchmarks {
    /// A request, from the bytes that were read to the bytes of its answer.
    static var http: [Benchmark] {
        let polling = Benchmark("http.polling-echo", "an event in a POST, its echo in the next GET", guardCount: 500) {
            let world = HTTPWorld(NoRoutes())
            let opened = String(
                decoding: world.ask(Array(get("/socket.io/?EIO=4&transport=polling").utf8)), as: UTF8.self)
            guard let session = opened.split(separator: "\"").dropFirst(3).first else {
                fail("a benchmark's session was not opened: \(opened)")
            }
            let target = "/socket.io/?EIO=4&transport=polling&sid=\(session)"
            let type = "text/plain;charset=UTF-8"
            world.repeating([post(target, "40", type: type), get(target)], answers: [ok, ok])(1)
            let echo = #"42["echo","0000002a:0000000000000001:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]"#
            return world.repeating([post(target, echo, type: type), get(target)], answers: [ok, ok])
        }
        guard HostWorld.plugins != nil else { return [polling] }
        return [
            Benchmark(
                "http.request", "a POST with a token seen before, answered by a C plugin, non-blocking", guardCount: 500
            ) {
                asking(
                    post(
                        "/v1/rows", row,
                        more: "Authorization: Bearer \(BenchmarkAuthenticator.token(granting: "rows:write"))\r\n"))
            },
            Benchmark(
                "http.request-browser",
                "the same without a token, but a parameter in its path, a query and a browser's headers",
                guardCount: 500
            ) {
                asking(post("/v1/users/ada%20l/rows?page=2&filter=a%2Bb", row, more: browser))
            },
            polling,
        ]
    }

    private static func asking(_ request: String) -> (Int) -> Void {
        let host = HostWorld(plugin: "bench-calls")
        let repeated = HTTPWorld(host.router).repeating([request], answers: ["HTTP/1.1 201 Created\r\n"])
        return { count in withExtendedLifetime(host) { repeated(count) } }
    }

    private final class NoRoutes: HTTPApplication {
        func decide(_ head: HTTPRequest, through responder: HTTPResponder) -> HTTPDecision {
            fail("a benchmark's request went astray: \(head.path)")
        }
        func refuseBody(largerThan limit: Int, through responder: HTTPResponder) {
            fail("a benchmark's request has a body of more than \(limit) bytes")
        }
    }

    private static let row = """
        {"user_id":"online","type":"order","title":"Your order has been shipped","body":"It will arrive on Thursday, between nine and twelve.",\
        "data":{"order":4711,"carrier":"post"}}
        """
    private static let ok = "HTTP/1.1 200 OK\r\n"
    private static let browser = """
        Connection: keep-alive\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
        Accept: application/json\r\nAccept-Language: en-GB,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\nOrigin: http://localhost:3000\r\n\
        Referer: http://localhost:3000/\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-site\r\n
        """

    private static func get(_ target: String) -> String { "GET \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" }

    private static func post(_ target: String, _ body: String, type: String = "application/json", more: String = "")
        -> String
    {
        "POST \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(more)Content-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
}
