import SocketIO
import Testing

@testable import PluginHost

/// A plugin's `admit` hook changes the identity of a client.
@Suite("Admission")
struct AdmissionTests {
    /// A host with the plugins `one` and `two`.
    private func loaded(_ run: String = "JF_RUN_STRAND", sockets: SocketOptions = SocketOptions()) async throws
        -> TestHost
    {
        let test = try TestHost(sockets: sockets)
        for name in ["one", "two"] {
            try await test.host.load(
                PluginSpec(path: try Fixture.library("admission", named: name, "NAME=\"\(name)\"", "RUN=\(run)")))
        }
        return test
    }

    private func join(_ test: TestHost, _ auth: String) -> (client: TestClient, answer: String?) {
        let client = TestClient(test.loops[0], joining: "/in", auth: auth)
        return (client, client.hear().map { $0.hasPrefix("0/in,") ? "in" : $0 })
    }

    @Test(
        "accept sets user, claims, data and expiry, in the hook and later; what it leaves out stays as the token says",
        arguments: [
            ("accept", "JF_RUN_STRAND"), ("accept", "JF_RUN_INLINE"), ("accept", "JF_RUN_PARALLEL"),
            ("later", "JF_RUN_STRAND"), ("later", "JF_RUN_INLINE"),
        ])
    func accept(_ how: String, _ run: String) async throws {
        let test = try await loaded(run)
        let (client, answer) = join(
            test,
            #"{"user":"token","one":{"do":"\#(how)","user":"carol","claims":{"role":"admin","sub":"carol"},"data":{"a":1},"expires":4102444800000,"tag":"t1"}}"#
        )
        #expect(answer == "in")
        let expected = #"{"user":"carol","claims":{"role":"admin","sub":"carol"},"data":{"a":1}},"carol","t1""#
        #expect(client.ask(#"2/in,0["who-one"]"#) == "3/in,0[\(expected)]")
        #expect(client.ask(#"2/in,0["who-inline-one"]"#) == "3/in,0[\(expected)]")
        #expect(
            client.ask(#"2/in,0["who-two"]"#) == "3/in,0[\(expected.replacing("t1", with: "nothing"))]",
            "a pointer is its plugin's alone")
        #expect(test.observer.lines == ["carol until 4102444800000"], "presence and expiry follow the admitted user")
        let (plain, _) = join(test, #"{"user":"token","one":{"do":"\#(how)"}}"#)
        #expect(
            plain.ask(#"2/in,0["who-one"]"#)
                == #"3/in,0[{"user":"token","claims":{"sub":"x"},"data":{}},"token","nothing"]"#)
        await test.stop()
    }

    @Test(
        "after recovery a hook that has set the user runs again, and no other user gets the session",
        arguments: ["JF_RUN_STRAND", "JF_RUN_INLINE"])
    func recovery(_ run: String) async throws {
        var options = SocketOptions()
        options.recovery = RecoveryStore()
        let test = try await loaded(run, sockets: options)
        func come(_ auth: String) throws -> (client: TestClient, answer: String) {
            let client = TestClient(test.loops[0], joining: "/in", auth: auth)
            return (client, try #require(client.hear()))
        }
        let carol = try come(#"{"one":{"do":"accept","user":"carol","claims":{"role":"admin"}}}"#)
        let pid = try #require(carol.answer.firstMatch(of: /"pid":"([^"]+)"/)).1
        carol.client.vanish()
        #expect(try come(#"{"pid":"\#(pid)"}"#).answer != carol.answer)
        #expect(try come(#"{"pid":"\#(pid)","user":"carol","one":{"do":"deny"}}"#).answer == #"4/in,{"message":"no"}"#)
        #expect(try come(#"{"pid":"\#(pid)","one":{"do":"accept","user":"eve"}}"#).answer != carol.answer)
        let again = try come(#"{"pid":"\#(pid)","one":{"do":"later","user":"carol","claims":{"role":"guest"}}}"#)
        #expect(again.answer == carol.answer)
        #expect(again.client.ask(#"2/in,0["who-one"]"#)?.contains(#""claims":{"role":"guest"}"#) == true)
        await test.stop()
    }

    @Test("each hook sees the identity that the hook before it has set, and the last hook's identity is used")
    func order() async throws {
        let test = try await loaded()
        let auth =
            #"{"user":"token","one":{"do":"accept","user":"carol","claims":{"x":1},"data":1,"tag":"a"},"two":{"do":"later","claims":{"x":2,"y":{}},"data":[2],"tag":"b"}}"#
        let (client, answer) = join(test, auth)
        #expect(answer == "in")
        #expect(test.log.line(with: #"one sees 'token' {"sub":"x"}"#) != nil)
        #expect(test.log.line(with: #"two sees 'carol' {"sub":"x","x":1}"#) != nil)
        #expect(
            client.ask(#"2/in,0["who-one"]"#)
                == #"3/in,0[{"user":"carol","claims":{"sub":"x","x":2,"y":{}},"data":[2]},"carol","a"]"#)
        #expect(client.ask(#"2/in,0["who-two"]"#)?.hasSuffix(#","carol","b"]"#) == true)
        await test.stop()
    }

    @Test("the plugin data of an admission is freed once: when the socket disconnects, or if the client never joins")
    func freeing() async throws {
        let test = try await loaded()
        let (client, _) = join(test, #"{"one":{"do":"accept","tag":"joined"},"two":{"do":"accept","tag":"too"}}"#)
        client.vanish()
        #expect(await test.log.waitForLine(with: "one frees joined") != nil)
        #expect(await test.log.waitForLine(with: "two frees too") != nil)
        let order = ["one has joined", "one loses joined", "one frees joined"].map { line in
            test.log.lines.firstIndex { $0.contains(line) } ?? -1
        }
        #expect(order == order.sorted() && order[0] >= 0, "\(test.log.lines)")
        let (_, answer) = join(test, #"{"one":{"do":"accept","tag":"refused"},"two":{"do":"deny"}}"#)
        #expect(answer == #"4/in,{"message":"no"}"#)
        #expect(await test.log.waitForLine(with: "one frees refused") != nil)
        let (_, _) = join(test, #"{"one":{"do":"accept","tag":"unloaded"}}"#)
        try await test.host.unload("one")
        let end = ["one frees unloaded", "one is destroyed"].map { line in
            test.log.lines.firstIndex { $0.contains(line) } ?? -1
        }
        #expect(end == end.sorted() && end[0] >= 0, "\(test.log.lines)")
        #expect(test.log.lines.filter { $0.contains(" frees ") }.count == 4)
        await test.stop()
    }

    @Test("a borrowed decision is valid on the callback's thread only")
    func elsewhere() async throws {
        let test = try await loaded()
        let (client, answer) = join(test, #"{"one":{"do":"elsewhere","data":[1]}}"#)
        #expect(answer == "in")
        #expect(test.log.line(with: "one on another thread gets -10") != nil)
        #expect(client.ask(#"2/in,0["who-one"]"#)?.contains(#""data":{}"#) == true)
        await test.stop()
    }

    @Test(
        "an invalid admission is an error, and the client is refused",
        arguments: [
            (#""user":"a\u0000b""#, "accept: admission->user holds a control character"),
            (#""user":"a\u007fb""#, "accept: admission->user holds a control character"),
            (#""claims":[]"#, "accept: admission->claims is no JSON object"),
            (#""claims":"{""#, "accept: admission->claims is no JSON"),
            (#""data":"x""#, "accept: admission->data is no JSON"),
            (#""expires":-1"#, "accept: admission->expires_at is -1, before 1970"),
        ])
    func refused(_ member: String, _ line: String) async throws {
        let test = try await loaded()
        #expect(
            join(test, #"{"one":{"do":"accept",\#(member),"tag":"mine"}}"#).answer
                == #"4/in,{"message":"internal error"}"#)
        #expect(test.log.line(with: line) != nil)
        #expect(test.log.line(with: "frees") == nil, "on failure the pointer stays the plugin's")
        await test.stop()
    }

    @Test("the lengths of user ids and data are limited")
    func limits() async throws {
        let test = try await loaded()
        let id = String(repeating: "u", count: 256)
        #expect(join(test, #"{"one":{"do":"accept","user":"\#(id)"}}"#).answer == "in")
        #expect(
            join(test, #"{"one":{"do":"accept","user":"\#(id)u"}}"#).answer == #"4/in,{"message":"internal error"}"#)
        #expect(test.log.line(with: "accept: admission->user has 257 bytes, more than the 256 allowed") != nil)
        let data = String(repeating: "1", count: 65_537)
        #expect(join(test, #"{"one":{"do":"accept","data":\#(data)}}"#).answer == #"4/in,{"message":"internal error"}"#)
        #expect(test.log.line(with: "accept: admission->data has 65537 bytes, more than 65536") != nil)
        #expect(join(test, #"{"one":{"do":"odd"}}"#).answer == #"4/in,{"message":"internal error"}"#)
        #expect(test.log.line(with: "admit of '/in' returned 77, which is no result code of jackfield.h") != nil)
        await test.stop()
    }

    @Test("claims are merged by name, with escapes decoded")
    func merge() {
        func merged(_ changes: String, _ object: String) -> String {
            String(decoding: JSONMerge.members(of: Array(changes.utf8), into: Array(object.utf8)), as: UTF8.self)
        }
        #expect(merged("{}", #"{"a":1}"#) == #"{"a":1}"#)
        #expect(merged(#"{"a":1}"#, " { } ") == #"{"a":1}"#)
        #expect(merged(#"{"a":2}"#, #"{"\u0061":1,"b":[1, 2],"a":3}"#) == #"{"b":[1, 2],"a":2}"#)
    }
}
