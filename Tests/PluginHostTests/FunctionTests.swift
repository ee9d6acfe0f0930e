import Signatures
import Support
import Testing

@testable import PluginHost

/// A library that knows nothing of Jackfield, whose functions answer events. The event's name is the function's.
private func plain(
    _ signatures: String..., run: LibraryBinding.Run = .strand, namespace: ByteString = "/",
    service: LibraryBinding.Service? = nil
) throws -> PluginSpec {
    let functions = try signatures.map { text in
        let signature = try Signature(ByteString(text))
        return LibraryBinding.Function(
            event: signature.name ?? "", signature: signature, run: run, namespace: namespace)
    }
    return PluginSpec(
        path: try Fixture.library("plain", named: "plain", "PLAIN"), name: "plain",
        kind: .library(LibraryBinding(functions: functions, service: service)))
}

/// The ack of one call of a bound function, without its packet type and id.
private func ack(_ event: String, _ signature: String, _ args: String...) async throws -> String? {
    let test = try TestHost()
    try await test.host.load(try plain(signature))
    let client = test.client()
    let answer = client.ask(#"21["\#(event)"\#(args.map { "," + $0 }.joined())]"#)
    await test.stop()
    return answer.map { String($0.dropFirst(2)) }
}

private func error(_ code: String, _ message: String) -> String {
    #"[{"error":{"code":"\#(code)","message":"\#(message)"}}]"#
}

@Suite("C functions as events")
struct FunctionTests {
    // MARK: Scalars

    @Test(
        "a number at each end of its type passes unchanged, in any notation",
        arguments: [
            ("same_i32(x: i32) -> i32", "2147483647", "2147483647"),
            ("same_i32(x: i32) -> i32", "-2147483648", "-2147483648"),
            ("same_i32(x: i32) -> i32", "-0", "0"), ("same_i32(x: i32) -> i32", "1.5e1", "15"),
            ("same_u32(x: u32) -> u32", "4294967295", "4294967295"), ("same_u32(x: u32) -> u32", "0", "0"),
            ("same_i64(x: i64) -> i64", "9223372036854775807", "9223372036854775807"),
            ("same_i64(x: i64) -> i64", "-9223372036854775808", "-9223372036854775808"),
            ("same_u64(x: u64) -> u64", "18446744073709551615", "18446744073709551615"),
            ("same_u64(x: u64) -> u64", "1e19", "10000000000000000000"),
            ("same_bool(x: bool) -> bool", "true", "true"), ("same_bool(x: bool) -> bool", "false", "false"),
            ("same_f64(x: f64) -> f64", "0.1", "0.1"), ("same_f64(x: f64) -> f64", "-0.0", "0"),
            ("same_f64(x: f64) -> f64", "1.7976931348623157e308", "1.7976931348623157e+308"),
            ("same_f64(x: f64) -> f64", "-1.7976931348623157e+308", "-1.7976931348623157e+308"),
            ("same_f64(x: f64) -> f64", "5e-324", "5e-324"), ("same_f64(x: f64) -> f64", "1e-400", "0"),
            ("same_f64(x: f64) -> f64", "0.30000000000000004", "0.30000000000000004"),
            ("same_f64(x: f64) -> f64", "9007199254740993", "9007199254740992"),
            ("same_f64(x: f64) -> f64", "1e21", "1e+21"),
            ("same_f64(x: f64) -> f64", "123456789012345680000", "123456789012345680000"),
            ("same_f64(x: f64) -> f64", "0.000001", "0.000001"), ("same_f64(x: f64) -> f64", "1e-7", "1e-7"),
            ("same_f64(x: f64) -> f64", "1234567890.0123456789", "1234567890.0123458"),
            ("same_f32(x: f32) -> f32", "0.1", "0.1"), ("same_f32(x: f32) -> f32", "16777217", "16777216"),
            ("same_f32(x: f32) -> f32", "3.4028235e38", "3.4028235e+38"),
            ("same_f32(x: f32) -> f32", "1e-45", "1e-45"), ("same_f32(x: f32) -> f32", "1e20", "100000000000000000000"),
        ])
    func limits(_ signature: String, _ argument: String, _ result: String) async throws {
        let event = String(signature.prefix { $0 != "(" })
        #expect(try await ack(event, signature, argument) == "[\(result)]")
    }

    @Test(
        "a number outside its type is refused and not wrapped",
        arguments: [
            ("same_i32(x: i32) -> i32", "2147483648", "argument 1 'x': 2147483648 is outside i32"),
            ("same_i32(x: i32) -> i32", "-2147483649", "argument 1 'x': -2147483649 is outside i32"),
            ("same_i32(x: i32) -> i32", "1.5", "argument 1 'x': 1.5 is not a whole number: expected i32"),
            ("same_u32(x: u32) -> u32", "4294967296", "argument 1 'x': 4294967296 is outside u32"),
            ("same_u32(x: u32) -> u32", "-1", "argument 1 'x': -1 is outside u32"),
            ("same_i64(x: i64) -> i64", "9223372036854775808", "argument 1 'x': 9223372036854775808 is outside i64"),
            ("same_i64(x: i64) -> i64", "-9223372036854775809", "argument 1 'x': -9223372036854775809 is outside i64"),
            ("same_u64(x: u64) -> u64", "18446744073709551616", "argument 1 'x': 18446744073709551616 is outside u64"),
            ("same_u64(x: u64) -> u64", "-1", "argument 1 'x': -1 is outside u64"),
            ("same_f32(x: f32) -> f32", "1e39", "argument 1 'x': 1e39 is outside f32"),
            ("same_f64(x: f64) -> f64", "1e309", "argument 1 'x': 1e309 is outside f64"),
        ])
    func outside(_ signature: String, _ argument: String, _ message: String) async throws {
        let event = String(signature.prefix { $0 != "(" })
        #expect(try await ack(event, signature, argument) == error("invalid_arguments", message))
    }

    @Test("NaN and infinities, which JSON has not, are failures")
    func notFinite() async throws {
        func failure(_ name: String, _ type: String) async throws -> String? {
            try await ack(name, "\(name)() -> \(type)")
        }
        let end = ", which JSON does not have"
        #expect(
            try await failure("not_a_number", "f64") == error("failed", "'not_a_number' returned nan\(end)"))
        #expect(try await failure("infinite", "f64") == error("failed", "'infinite' returned inf\(end)"))
        #expect(try await failure("infinite_f32", "f32") == error("failed", "'infinite_f32' returned -inf\(end)"))
    }

    @Test("a function without a result is called, and acks without arguments")
    func noResult() async throws {
        let test = try TestHost()
        try await test.host.load(try plain("bump()", "bumps() -> i32"))
        let client = test.client()
        let before = try #require(client.ask(#"21["bumps"]"#).flatMap { Int($0.dropFirst(3).dropLast()) })
        #expect(client.ask(#"22["bump"]"#) == "32[]")
        // Without an ack, too.
        client.say(#"2["bump"]"#)
        #expect(client.ask(#"23["bumps"]"#) == "33[\(before + 2)]")
        await test.stop()
    }

    // MARK: Strings

    @Test("strings of any length pass with their zero bytes, and one more stands behind them")
    func strings() async throws {
        let same = "same_text(x: string) -> string"
        #expect(try await ack("same_text", same, #""""#) == #"[""]"#)
        #expect(try await ack("same_text", same, #""a\u0000b\n\ud83d\ude00ü\ud800""#) == #"["a\u0000b\n😀ü�"]"#)
        #expect(try await ack("zeros", "zeros(x: string) -> u64", #""a\u0000b\u0000""#) == "[102]")
        #expect(try await ack("zeros", "zeros(x: string) -> u64", #""""#) == "[100]")
        let long = String(repeating: "x", count: 1 << 20)
        #expect(try await ack("length", "length(x: string) -> u64", "\"\(long)\"") == "[1048576]")
        #expect(try await ack("c_length", "c_length(x: cstring) -> u64", "\"\(long)\\n\"") == "[1048577]")
    }

    @Test("a terminated string must not contain a zero byte")
    func terminated() async throws {
        #expect(try await ack("c_length", "c_length(x: cstring) -> u64", #""abc""#) == "[3]")
        #expect(
            try await ack("c_length", "c_length(x: cstring) -> u64", #""a\u0000c""#)
                == error("invalid_arguments", "argument 1 'x': the string contains U+0000: expected cstring"))
        #expect(try await ack("same_c", "same_c(x: cstring) -> cstring", #""ü\"""#) == #"["ü\""]"#)
    }

    @Test("JSON passes as its text, and its result must be JSON")
    func json() async throws {
        #expect(try await ack("same_text", "same_text(x: json) -> json", #"{"a":[1, null]}"#) == #"[{"a":[1, null]}]"#)
        #expect(try await ack("same_text", "same_text(x: json) -> json", "null") == "[null]")
        #expect(
            try await ack("not_json", "not_json() -> json") == error("internal", "the result of 'not_json' is no JSON"))
    }

    @Test("a result that is no UTF-8 or too long is an internal error, and never on the wire")
    func badResults() async throws {
        #expect(
            try await ack("not_utf8", "not_utf8() -> string")
                == error("internal", "the result of 'not_utf8' is no UTF-8"))
        #expect(
            try await ack("latin1", "latin1() -> cstring") == error("internal", "the result of 'latin1' is no UTF-8"))
        #expect(
            try await ack("too_long", "too_long() -> string")
                == error("internal", "the result of 'too_long' exceeds 65536 bytes, or there is no memory"))
    }

    // MARK: Bytes

    @Test("bytes go both ways as attachments")
    func bytes() async throws {
        let test = try TestHost()
        try await test.host.load(try plain("same_text(x: bytes) -> bytes", "length(x: bytes) -> u64"))
        let client = test.client()
        client.say(#"51-3["same_text",{"_placeholder":true,"num":0}]"#)
        client.say(binary: [0, 255, 3])
        #expect(client.hear() == #"61-3[{"_placeholder":true,"num":0}]"#)
        #expect(client.hear() == "<3 bytes>")
        client.say(#"51-4["length",{"num":0,"x":[{}],"_placeholder":true}]"#)
        client.say(binary: [])
        #expect(client.hear() == "34[0]")
        #expect(
            client.ask(#"25["length","AAA="]"#)
                == "35" + error("invalid_arguments", "argument 1 'x': expected bytes, got string"))
        #expect(
            client.ask(#"25["length",{"num":0}]"#)
                == "35"
                + error(
                    "invalid_arguments", "argument 1 'x': the object is not an attachment's placeholder: expected bytes"
                ))
        await test.stop()
    }

    // MARK: Optionals, arrays, records

    @Test("an optional argument may be absent or null: the function gets NULL")
    func optionals() async throws {
        #expect(try await ack("or_one", "or_one(x: f64?) -> f64") == "[1]")
        #expect(try await ack("or_one", "or_one(x: f64?) -> f64", "null") == "[1]")
        #expect(try await ack("or_one", "or_one(x: f64?) -> f64", "2.5") == "[2.5]")
        #expect(try await ack("c_length", "c_length(x: cstring?) -> u64", "null") == "[18446744073709551615]")
        #expect(try await ack("length", "length(x: string?) -> u64") == "[18446744073709551615]")
        #expect(try await ack("sum", "sum(x: i64[]?) -> i64") == "[-1]")
        #expect(try await ack("same_c", "same_c(x: cstring?) -> cstring?", "null") == "[null]")
    }

    @Test("arrays of scalars arrive as a pointer and a count")
    func arrays() async throws {
        #expect(try await ack("sum", "sum(x: i64[]) -> i64", "[]") == "[0]")
        #expect(try await ack("sum", "sum(x: i64[]) -> i64", " [ 1 , 2,3] ") == "[6]")
        let many = Array(repeating: "2", count: 100_000).joined(separator: ",")
        #expect(try await ack("sum", "sum(x: i64[]) -> i64", "[\(many)]") == "[200000]")
        #expect(try await ack("all", "all(x: bool[]) -> u32", "[true,false,true]") == "[2]")
        #expect(
            try await ack("sum", "sum(x: i64[]) -> i64", "[1,2.5]")
                == error(
                    "invalid_arguments", "argument 1 'x', element 2: 2.5 is not a whole number: expected i64"))
    }

    /// A host with the plugin of values.c.
    private func withValues(_ body: (TestHost, TestClient) async throws -> Void) async throws {
        let test = try TestHost()
        try await test.host.load(PluginSpec(path: try Fixture.library("values")))
        try await body(test, test.client())
        await test.stop()
    }

    @Test("records arrive with their fields in the order of the signature; of equal keys the last one counts")
    func records() async throws {
        try await withValues { _, client in
            #expect(client.ask(#"21["weigh",{"tags":["a","b"],"name":"four"}]"#) == "31[102004]")
            #expect(client.ask(#"21["weigh",{"note":"x","n\u0061me":"","tags":[]}]"#) == "31[0]")
            #expect(client.ask(#"21["weigh",{"name":1,"tags":[],"name":"abc"}]"#) == "31[100003]")
            #expect(
                client.ask(#"21["weigh",{"name":"abc","tags":[],"name":1}]"#)
                    == "31"
                    + error("invalid_arguments", "argument 1 'what', member 'name': expected string, got number"))
            #expect(
                client.ask(#"21["weigh",{"name":"abc"}]"#)
                    == "31"
                    + error("invalid_arguments", "argument 1 'what', member 'tags' is missing: expected string[]"))
            #expect(
                client.ask(#"21["weigh",{"name":"abc","tags":[],"nam":1}]"#)
                    == "31"
                    + error("invalid_arguments", "argument 1 'what': unknown member 'nam'; did you mean 'name'?"))
            #expect(
                client.ask(#"21["weigh-open",{"name":"abc","more":{"x":[]},"tags":[1,null,{}]}]"#) == "31[103003]")
            #expect(client.ask(#"21["count",["a","","\u00fc"]]"#) == "31[6]")
        }
    }

    @Test("arguments that would need far more memory than their JSON are refused")
    func expansion() async throws {
        try await withValues { _, client in
            let records = Array(repeating: "{}", count: 600_000).joined(separator: ",")
            #expect(
                client.ask(#"21["count-records",[\#(records)]]"#)
                    == "31" + error("invalid_arguments", "the arguments need more than 64 MiB of memory"))
            #expect(client.ask(#"21["count-records",[{}]]"#) == "31[1]")
        }
    }

    @Test("a function on the event loop gets arguments of at most 16 KiB, and others get more")
    func inlineArguments() async throws {
        let test = try TestHost()
        try await test.host.load(try plain("length(x: string) -> u64", "zeros(x: bytes) -> u64", run: .inline))
        var other = try plain("c_length(x: cstring) -> u64")
        other.name = "other"
        try await test.host.load(other)
        let client = test.client()
        let end = " for a function that runs on the event loop"
        func problem(_ bytes: Int) -> String {
            error(
                "invalid_arguments",
                "the arguments have \(bytes) bytes, more than the 16384 bytes\(end)")
        }
        func text(_ bytes: Int) -> String { "\"\(String(repeating: "x", count: bytes - 4))\"" }
        #expect(client.ask(#"21["length",\#(text(16_384))]"#) == "31[16380]")
        #expect(client.ask(#"21["length",\#(text(16_385))]"#) == "31" + problem(16_385))
        #expect(client.ask(#"21["c_length",\#(text(16_385))]"#) == "31[16381]")
        client.say(#"51-5["zeros",{"_placeholder":true,"num":0}]"#)
        client.say(binary: [UInt8](repeating: 1, count: 16_384))
        #expect(client.hear() == "35" + problem(16_384 + 31))
        #expect(test.refusals.map(\.reason) == ["invalid_arguments", "invalid_arguments"])
        await test.stop()
    }

    // MARK: Errors

    @Test("wrong arguments get the words of the signature, and are counted")
    func wrong() async throws {
        try await withValues { test, client in
            for (args, message) in [
                (#"1,"2""#, "argument 2 'b': expected f64, got string"),
                ("1", "argument 2 'b' is missing: expected f64"),
                ("1,2,3", "expected 2 arguments, got 3"), ("null,2", "argument 1 'a': expected f64, got null"),
                ("1,[2]", "argument 2 'b': expected f64, got array"),
            ] {
                for event in ["add", "add-inline"] {
                    #expect(
                        client.ask(#"21["\#(event)",\#(args)]"#) == "31" + error("invalid_arguments", message))
                }
            }
            client.say(#"2["add"]"#)
            #expect(client.ask(#"21["add",1,2]"#) == "31[3]")
            #expect(test.refusals.count == 11)
            // Refused before they are queued.
            #expect(test.refusals.allSatisfy { $0.place == .event && $0.reason == "invalid_arguments" })
        }
    }

    @Test("a function that fails acks its status")
    func failing() async throws {
        let divide = "divide(a: i32, b: i32) throws -> i32"
        #expect(try await ack("divide", divide, "7", "2") == "[3]")
        #expect(try await ack("divide", divide, "7", "0") == error("failed", "'divide' returned 33"))
        #expect(try await ack("fail_if", "fail_if(x: bool) throws", "false") == "[]")
        #expect(try await ack("fail_if", "fail_if(x: bool) throws", "true") == error("failed", "'fail_if' returned -8"))
        #expect(try await ack("nothing", "nothing() -> cstring") == error("failed", "'nothing' returned NULL"))
        #expect(try await ack("nothing", "nothing() -> cstring?") == "[null]")
    }

    // MARK: Plugins

    @Test("functions run as they declare: inline, by key, and in their namespace")
    func runModes() async throws {
        try await withValues { test, client in
            for event in ["add", "add-inline", "add-by-key"] {
                #expect(client.ask(#"21["\#(event)",1.5,2]"#) == "31[3.5]")
            }
            #expect(client.ask(#"21["add-elsewhere",1,2]"#)?.contains("unknown_event") == true)
            #expect(test.client("/elsewhere").ask(#"2/elsewhere,1["add-elsewhere",1,2]"#) == "3/elsewhere,1[3]")
            #expect(client.ask(#"21["plain"]"#) == #"31["handler"]"#)
            #expect(test.log.line(with: "1 event, 1 namespace, no routes, no timers, 8 functions") != nil)
        }
    }

    @Test("a function and an event of the same name conflict, within a plugin and between two")
    func conflicts() async throws {
        let test = try TestHost()
        await #expect(throws: PluginError.self) {
            try await test.host.load(
                PluginSpec(path: try Fixture.library("values", named: "twice", #"EVENT="add""#)))
        }
        #expect(test.log.line(with: "function 1: 'add' of '/' is declared twice") != nil)
        try await test.host.load(try plain("add(a: f64, b: f64) -> f64"))
        await #expect(throws: PluginError.self) {
            try await test.host.load(PluginSpec(path: try Fixture.library("values")))
        }
        #expect(test.log.line(with: "function 1: 'add' of '/' belongs to plugin 'plain'") != nil)
        await test.stop()
    }

    // MARK: Libraries

    @Test("functions of the system's libraries are bound by the library's name", arguments: LibraryBinding.Run.allCases)
    func system(_ run: LibraryBinding.Run) async throws {
        let test = try TestHost()
        let cos = LibraryBinding.Function(
            event: "math:cos", signature: try Signature("cos(x: f64) -> f64"), run: run)
        try await test.host.load(
            PluginSpec(path: "libm.so.6", name: "libm", kind: .library(LibraryBinding(functions: [cos]))))
        let before = test.host.status[0].handled
        #expect(test.client().ask(#"21["math:cos",0]"#) == "31[1]")
        #expect(test.log.line(with: "loaded libm from libm.so.6: no events") != nil)
        // A strand counts a callback after it has returned: also those of the load, which may be counted only now.
        for _ in 0..<200 where test.host.status[0].handled == before { try await Task.sleep(for: .milliseconds(5)) }
        #expect(test.host.status[0].handled > before)
        try await test.host.unload("libm")
        #expect(test.client().ask(#"21["math:cos",0]"#)?.contains("unknown_event") == true)
        await test.stop()
    }

    @Test("a library that cannot be bound is refused with the reason")
    func missing() async throws {
        let test = try TestHost()
        let add = LibraryBinding.Function(event: "x", signature: try Signature("add(a: f64, b: f64) -> f64"))
        func refusal(_ path: String, _ functions: [LibraryBinding.Function]) async -> String {
            do {
                let binding = LibraryBinding(functions: functions)
                try await test.host.load(PluginSpec(path: path, name: "lib", kind: .library(binding)))
                return "loaded"
            } catch {
                return "\(error)"
            }
        }
        #expect(
            await refusal("libnowhere.so.1", [add])
                == "library 'libnowhere.so.1': there is no such library where the dynamic linker searches; install it, or write a path with a slash"
        )
        var other = add
        other.signature = try Signature("substract(a: f64, b: f64) -> f64")
        #expect(
            await refusal("libm.so.6", [other])
                == "library 'libm.so.6': function 1: 'x': the library has no function 'substract'; the name in the signature is that of the C function"
        )
        other.signature = try Signature("cos(a: f64) -> f64[]")
        #expect(
            await refusal("libm.so.6", [other])
                == "library 'libm.so.6': function 1: 'x': signature 'cos(a: f64) -> f64[]': a C function cannot return 'f64[]'; docs/signatures.md has the types that it can"
        )
        other.signature = try Signature("(a: f64) -> f64")
        #expect(
            await refusal("libm.so.6", [other]).hasSuffix(
                "function 1: 'x': the signature '(a: f64) -> f64' has no name"))
        other = add
        other.event = "disconnect"
        #expect(
            await refusal("libm.so.6", [other]).hasSuffix("'disconnect': the event's name is reserved by Socket.IO"))
        let plain = try Fixture.library("plain", named: "plain", "PLAIN")
        #expect(await refusal(plain, [add, add]).hasSuffix("function 2: 'x' of '/' is bound twice"))
        #expect(await refusal(plain, [add]) == "loaded")
        await test.stop()
    }

    @Test(
        "a library's functions are methods of a service, for plugins that were loaded before or after it",
        arguments: LibraryBinding.Run.allCases)
    func service(_ run: LibraryBinding.Run) async throws {
        let test = try TestHost()
        let service = try #require(LibraryBinding.Service(name: "plain.c", major: 2, minor: 3))
        let library = try plain(
            "add(a: f64, b: f64) -> f64", "length(x: string) -> u64", run: run, service: service)
        try await test.host.load(PluginSpec(path: try Fixture.library("consumer")))
        let client = test.client()
        // A function pointer without a provider returns 0.
        #expect(client.ask(#"21["through-add",1,2]"#) == "31[0]")
        try await test.host.load(library)
        #expect(client.ask(#"21["through-add",1,2]"#) == "31[3]")
        #expect(client.ask(#"21["through-length","a\u0000ü"]"#) == "31[4]")
        #expect(client.ask(#"21["add",1,2]"#) == "31[3]")
        try await test.host.unload("plain")
        #expect(client.ask(#"21["through-add",1,2]"#) == "31[0]")
        await test.stop()
    }

    @Test("what does not fit into the library's queue is refused, as for plugins")
    func overload() async throws {
        var options = HostOptions()
        options.queueCallbacks = 2
        options.queueSocketShare = 100
        options.queueUserShare = 100
        let test = try TestHost(options)
        try await test.host.load(try plain("nap(us: u32)"))
        let client = test.client()
        client.say(#"21["nap",300000]"#, #"22["nap",0]"#, #"23["nap",0]"#, #"24["nap",0]"#, #"25["nap",0]"#) {}
        let answers = (0..<5).compactMap { _ in client.hear() }
        #expect(answers.count == 5)
        #expect(answers.contains { $0.contains(#""code":"overloaded""#) && $0.contains("'plain'") })
        #expect(answers.contains("31[]"))
        await test.stop()
    }
}

@Suite("C functions over HTTP")
struct HTTPFunctionTests {
    @Test("POST /v1/call/{event} calls a function of '/' and answers its result, or why there is none")
    func calls() async throws {
        let serving = try await Serving("values")
        let host = serving.host
        try host.router.register("POST", "/v1/call/{event}", access: RouteAccess(.required)) { request, responder in
            host.callFunction(request, through: responder)
        }
        try await host.load(
            try plain(
                "same_text(x: bytes) -> bytes", "divide(a: i32, b: i32) throws -> i32", "bump()",
                "not_utf8() -> string", "infinite() -> f64",
                "same_f64(x: f64) -> f64"))
        func call(_ event: String, _ body: String) throws -> String {
            try serving.ask("/v1/call/\(event)", "-H", "Authorization: Bearer alice", "-d", body)
        }
        func problem(_ status: Int, _ code: String, _ detail: String) -> String {
            #""status":\#(status),"code":"\#(code)","detail":"\#(detail)"} \#(status)"#
        }
        for event in ["add", "add-inline", "add-by-key", "a%64d"] {
            #expect(try call(event, "[1, 2.5]") == #"{"result":3.5} 200"#)
        }
        #expect(try call("bump", "[]") == #"{"result":null} 200"#)
        #expect(try call("same_f64", "[1e21]") == #"{"result":1e+21} 200"#)
        #expect(try call("same_text", #"["AP8D"]"#) == #"{"result":"AP8D"} 200"#)
        #expect(try call("same_text", #"["_-8"]"#) == #"{"result":"/+8="} 200"#)
        #expect(try call("same_text", #"[""]"#) == #"{"result":""} 200"#)
        #expect(
            try call("same_text", #"["A"]"#).hasSuffix(
                problem(400, "invalid_arguments", "argument 1 'x': the string is not base64: expected bytes")))
        #expect(
            try call("add", #"[1,"2"]"#).hasSuffix(
                problem(400, "invalid_arguments", "argument 2 'b': expected f64, got string")))
        #expect(
            try call("add", #"{"a":1}"#).hasSuffix(
                problem(400, "invalid_arguments", "the body must be a JSON array of the arguments")))
        #expect(try call("add", "[1,").contains("the body must be a JSON array of the arguments: "))
        for body in ["", "2", "\n \"[]\""] {
            #expect(
                try call("add", body).hasSuffix(
                    problem(400, "invalid_arguments", "the body must be a JSON array of the arguments")))
        }
        let long = "[1,\(String(repeating: " ", count: 16_384))2]"
        #expect(try call("add", long) == #"{"result":3} 200"#)
        #expect(
            try call("add-inline", long).hasSuffix(
                problem(
                    400, "invalid_arguments",
                    "the arguments have 16389 bytes, more than the 16384 bytes for a function that runs on the event loop"
                )))
        #expect(try call("divide", "[1,0]").hasSuffix(problem(422, "failed", "'divide' returned 33")))
        #expect(
            try call("infinite", "[]").hasSuffix(
                problem(422, "failed", "'infinite' returned inf, which JSON does not have")))
        #expect(
            try call("not_utf8", "[]").hasSuffix(
                problem(500, "internal", "the result of 'not_utf8' is no UTF-8")))
        #expect(
            try call("subtract", "[]").hasSuffix(
                problem(404, "not_found", "no function is bound to the event 'subtract'")))
        #expect(
            try call("same_texd", "[]").hasSuffix(
                problem(404, "not_found", "no function is bound to the event 'same_texd'; did you mean 'same_text'?")))
        // An event with a handler, and a function of another namespace.
        #expect(try call("plain", "[]").hasSuffix(" 404"))
        #expect(try call("add-elsewhere", "[1,2]").hasSuffix(" 404"))
        #expect(try serving.ask("/v1/call/add", "-d", "[1,2]").hasSuffix(" 401"))
        #expect(try serving.ask("/v1/call/add").hasSuffix(" 405"))
        try await serving.host.unload("values")
        #expect(try call("add", "[1,2]").hasSuffix(" 404"))
        await host.shutdown(deadline: 1_000)
        #expect(try call("same_f64", "[1]").hasSuffix(problem(503, "unavailable", "the host is stopping")))
        try await serving.stop()
    }
}

extension Signature {
    fileprivate init(_ text: String) throws(SignatureError) { try self.init(ByteString(text)) }
}
