import Support
import Testing

@testable import PluginHost

@Suite("RoutePath")
struct RoutePathTests {
    @Test("a parameter takes one segment, decoded")
    func parameters() throws {
        let path = try RoutePath("/v1/rooms/{id}/members/{user}")
        func values(_ text: String) -> [String]? {
            Array(text.utf8).withUnsafeBytes { bytes in
                guard path.matches(bytes) else { return nil }
                var found: [String] = []
                path.forEachParameter(of: bytes) {
                    found += [String(decoding: $0, as: UTF8.self), String(decoding: $1, as: UTF8.self)]
                }
                return found
            }
        }
        #expect(values("/v1/rooms/a%20b/members/%C3%BC") == ["id", "a%20b", "user", "%C3%BC"])
        #expect(values("/v1/%72ooms/a/members/b") == ["id", "a", "user", "b"], "a literal may be escaped")
        #expect(values("/v1/rooms//members/x") == nil)
        #expect(values("/v1/rooms/a/members") == nil)
        #expect(values("/v1/rooms/a/members/x/") == nil)
        #expect(values("/v1/rooms/%zz/members/x") == nil, "a broken escape is no value")
        #expect(values("/v1/rooms/%FF/members/x") == nil, "neither is what is no UTF-8")
    }

    @Test(
        "a path has at least one segment",
        arguments: [
            ("", [""]), ("/", [""]), ("*", [""]), ("/a", ["a"]), ("/a/", ["a", ""]), ("//", ["", ""]),
            ("/a//b", ["a", "", "b"]),
        ])
    func segments(_ path: String, _ segments: [String]) {
        Array(path.utf8).withUnsafeBytes { bytes in
            #expect(PathSegments(bytes).map { String(decoding: $0, as: UTF8.self) } == segments)
            #expect(PathSegments(bytes).count == segments.count)
        }
    }

    @Test(
        "a malformed path is refused with the part at fault",
        arguments: [
            ("v1", "must begin with '/'"), ("/a b", "without spaces"), ("/{}", "'{}' must be a whole segment"),
            ("/x{id}", "'x{id}' must be a whole segment"),
            ("/{a}/{a}", "names {a} twice"), ("/{a-b}", "'{a-b}' must be"), ("/a?b", "'?'"),
        ])
    func malformed(_ text: String, _ problem: String) {
        #expect { try RoutePath(text) } throws: { (error: any Error) in
            (error as? RoutePath.Malformed)?.problem.contains(problem) == true
        }
    }

    @Test("the names of parameters make no difference to what matches")
    func shapes() throws {
        #expect(try RoutePath("/a/{x}").isSameShape(as: try RoutePath("/a/{y}")))
        #expect(try !RoutePath("/a/{x}").isSameShape(as: try RoutePath("/a/x")))
        #expect(try !RoutePath("/a").isSameShape(as: try RoutePath("/a/")))
    }

    @Test("a literal precedes a parameter, whatever the order of registration, and 405 lists the other methods")
    func table() throws {
        var table = RouteTable()
        func route(_ method: ByteString, _ path: String) throws -> HTTPRoute {
            HTTPRoute(method, try RoutePath(path), .everybody) { _, _ in }
        }
        table.add([
            try route("GET", "/a/{x}"), try route("GET", "/a/b"), try route("POST", "/a/{x}"), try route("GET", "/"),
        ])
        func found(_ method: ByteString, _ path: String) -> String {
            Array(path.utf8).withUnsafeBytes { bytes in
                switch table.match(method, bytes) {
                case .route(let route): "\(route.path)"
                case .wrongMethod(let allowed): "405 \(allowed)"
                case .nothing(hint: _): "404"
                }
            }
        }
        #expect(found("GET", "/a/b") == "/a/b")
        #expect(found("GET", "/a/c") == "/a/{x}")
        #expect(found("HEAD", "/a/c") == "/a/{x}")
        #expect(found("POST", "/a/b") == "/a/{x}")
        #expect(found("PUT", "/a/c") == #"405 ["GET", "HEAD", "POST"]"#)
        #expect(found("GET", "/a") == "404")
        #expect(found("GET", "/") == "/")
        #expect(table.routes("GET", try RoutePath("/a/{other}")).map(\.owner) == ["the host itself"])
    }

    @Test("a query keeps order and repetition, and decodes plus signs")
    func query() {
        let parameters = Array("&a=1&b=x+y%26&&a=2&flag&=&%zz=1&c==&".utf8).withUnsafeBytes { QueryParts($0).decoded }
        #expect(parameters.map(\.name) == ["a", "b", "a", "flag", "", "%zz", "c"])
        #expect(parameters.map(\.value) == ["1", "x y&", "2", "", "", "1", "="])
    }
}
