import Testing

@testable import PluginHost

@Suite("RoutePath")
struct RoutePathTests {
    @Test("a parameter takes one segment, decoded")
    func parameters() throws {
        let path = try RoutePath("/v1/rooms/{id}/members/{user}")
        let match = path.match(["v1", "rooms", "a%20b", "members", "%C3%BC"])
        #expect(match?.map(\.name) == ["id", "user"])
        #expect(match?.map(\.value) == ["a b", "ü"])
        #expect(path.match(["v1", "rooms", "", "members", "x"]) == nil)
        #expect(path.match(["v1", "rooms", "a", "members"]) == nil)
        #expect(path.match(["v1", "rooms", "%zz", "members", "x"]) == nil, "a broken escape is no value")
        #expect(path.match(["v1", "rooms", "%FF", "members", "x"]) == nil, "neither is what is no UTF-8")
    }

    @Test("what is no path is refused with the part at fault", arguments: [
        ("v1", "must begin with '/'"), ("/a b", "without spaces"), ("/{}", "'{}' must be a whole segment"), ("/x{id}", "'x{id}' must be a whole segment"),
        ("/{a}/{a}", "names {a} twice"), ("/{a-b}", "'{a-b}' must be"), ("/a?b", "'?'"),
    ])
    func malformed(_ text: String, _ problem: String) {
        #expect { try RoutePath(text) } throws: { (error: any Error) in (error as? RoutePath.Malformed)?.problem.contains(problem) == true }
    }

    @Test("the names of parameters make no difference to what matches")
    func shapes() throws {
        #expect(try RoutePath("/a/{x}").isSameShape(as: try RoutePath("/a/{y}")))
        #expect(try !RoutePath("/a/{x}").isSameShape(as: try RoutePath("/a/x")))
        #expect(try !RoutePath("/a").isSameShape(as: try RoutePath("/a/")))
    }

    @Test("a literal goes before a parameter, whatever the order of registration; other methods are told")
    func table() throws {
        var table = RouteTable()
        func route(_ method: String, _ path: String) throws -> HTTPRoute { HTTPRoute(method, try RoutePath(path), .everybody) { _, _ in } }
        table.add([try route("GET", "/a/{x}"), try route("GET", "/a/b"), try route("POST", "/a/{x}"), try route("GET", "/")])
        func found(_ method: String, _ path: String) -> String {
            switch table.match(method, path) {
            case .route(let route, let parameters): "\(route.path)\(parameters.map(\.value))"
            case .wrongMethod(let allowed): "405 \(allowed)"
            case .nothing: "404"
            }
        }
        #expect(found("GET", "/a/b") == "/a/b[]")
        #expect(found("GET", "/a/c") == #"/a/{x}["c"]"#)
        #expect(found("HEAD", "/a/c") == #"/a/{x}["c"]"#)
        #expect(found("POST", "/a/b") == #"/a/{x}["b"]"#)
        #expect(found("PUT", "/a/c") == #"405 ["GET", "HEAD", "POST"]"#)
        #expect(found("GET", "/a") == "404")
        #expect(found("GET", "/") == "/[]")
        #expect(table.owner(of: "GET", try RoutePath("/a/{other}")) == "the host itself")
    }

    @Test("a query keeps order and repetition, and decodes plus signs")
    func query() {
        let parameters = PercentEncoding.parameters("a=1&b=x+y%26&a=2&flag&=&%zz=1")
        #expect(parameters.map(\.name) == ["a", "b", "a", "flag", "", "%zz"])
        #expect(parameters.map(\.value) == ["1", "x y&", "2", "", "", "1"])
    }
}
