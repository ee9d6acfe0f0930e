import CJackfield
import FakeHost
import Foundation
import JackfieldPlugin
import Testing

/// A plugin that provides services.
final class Provider: Plugin, Sendable {
    static let name = "provider", version = "1.0.0"

    enum Color: String, Codable, CaseIterable { case red, green }

    struct Point: Codable, Equatable {
        let x: Double
        let y: Float?
    }

    struct Row: SignatureValue, Equatable {
        let id: String
        let seen: Bool?
        let color: Color
        let path: [Point]
        let corner: Point?
        let tags: [String: Int]
        let at: Date
        let data: Binary
        let raw: JSON
    }

    init(host: JackfieldHost) throws {}

    static func declare(_ io: Declarations<Provider>) {
        io.service("calc", version: 1, 2) {
            $0.method("add", arguments: ["a", "b"], run: .inline) { (a: Double, b: Double) in a + b }
            $0.method("divide", Provider.divide)
            $0.method("negate", run: .parallel) { (x: Int?) in x.map { 0 &- $0 } }
            $0.method("log") { (line: String) in _ = line }
            $0.method("check") { (line: String) throws(ServiceError) in
                if line.isEmpty { throw ServiceError(CJackfield.JF_E_NOT_FOUND, "there is no empty line") }
            }
        }
        io.service("types", version: 3) { service in
            service.method("scalars") { (a: Bool, b: Int32, c: UInt32, d: UInt64, e: UInt, f: Float, g: Int64) in
                "\(a) \(b) \(c) \(d) \(e) \(f) \(g)"
            }
            service.method("text") { (a: String, b: Binary, c: JSON) in [a, "\(b.bytes)", "\(c)"] }
            service.method("row") { (row: Row) in row }
            service.method("rows") { (rows: [Row?]) in rows.count }
            service.method("nested") { (x: [[Int?]?]) in x }
            service.method("caller") { (caller: ServiceCaller, x: Int) in "\(caller.plugin ?? "a client") \(x)" }
            service.method("broken") { () throws in throw CocoaError(.fileNoSuchFile) }
            service.method("problem") { () throws in throw Problem(404, "not_found", "nobody is here") }
            service.method("uneven") { Uneven() }
        }
        io.service("later", version: 1) {
            $0.method("load", Provider.load)
            $0.method("flush") { (reply: ServiceReply<Void>) in try reply.send() }
            $0.method("refuse", run: .parallel) { (reply: ServiceReply<Int>, x: Int) in
                reply.fail(ServiceError(JF_E_DENIED, "not \(x)"))
            }
            $0.method("forget", run: .parallel, Provider.forget)
            $0.method("throw") { (reply: ServiceReply<Int>) in throw Problem.invalid("no") }
        }
    }

    /// Encodes a member that `init(from:)` does not decode.
    struct Uneven: SignatureValue {
        enum CodingKeys: CodingKey { case read, written }
        init() {}
        init(from decoder: any Decoder) throws {
            _ = try decoder.container(keyedBy: CodingKeys.self).decode(Int.self, forKey: .read)
        }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(1, forKey: .written)
        }
    }

    func divide(a: Double, b: Double) throws -> Double {
        guard b != 0 else { throw Problem.invalid("b is 0") }
        return a / b
    }

    func load(_ reply: ServiceReply<[Point]>, id: String) {
        Thread.detachNewThread { _ = try? reply.send([Point(x: 1, y: nil)]) }
    }

    func forget(_ reply: ServiceReply<Int>) {}
}

extension Provider.Point: SignatureValue {}

@Suite struct ServiceProviderTests {
    let host = FakeHost()

    init() throws { try #require(host.load(Provider.main) == nil) }

    @Test func `the descriptor has the services with the derived signatures`() {
        #expect(host.provided.map(\.service) == ["calc 1.2", "types 3.0", "later 1.0"])
        #expect(
            host.provided[0].methods == [
                "add(a: f64, b: f64) -> f64", "divide(f64, f64) throws -> f64", "negate(i64?) -> i64?", "log(string)",
                "check(string) throws",
            ])
        let point = "{x: f64, y: f32?}"
        let row =
            "{id: string, seen: bool?, color: string, path: \(point)[], corner: \(point)?, tags: json, at: string, "
            + "data: bytes, raw: json}"
        #expect(
            host.provided[1].methods == [
                "scalars(bool, i32, u32, u64, u64, f32, i64) -> string", "text(string, bytes, json) -> string[]",
                "row(\(row)) -> \(row)", "rows(\(row)?[]) -> i64", "nested(i64?[]?[]) -> i64?[]?[]",
                "caller(i64) -> string", "broken() throws", "problem() throws", "uneven() -> {read: i64}",
            ])
        #expect(
            host.provided[2].methods == [
                "load(string) throws -> \(point)[]", "flush() throws", "refuse(i64) throws -> i64",
                "forget() throws -> i64", "throw() throws -> i64",
            ])
    }

    @Test func `methods run where they are declared`() {
        #expect(host.call("calc", "add", [.f64(1), .f64(2)]) == .init(JF_OK, .f64(3), run: JF_RUN_INLINE))
        #expect(host.call("calc", "negate", [.none])?.run == JF_RUN_PARALLEL)
        #expect(host.call("calc", "log", [.string("")])?.run == JF_RUN_STRAND)
    }

    @Test func `numbers keep their limits`() throws {
        let nan = try #require(host.call("calc", "add", [.f64(.infinity), .f64(-.infinity)]))
        guard case .f64(let sum) = nan.value else { throw FakeHost.Failure(nan.code, nan.message) }
        #expect(sum.isNaN)
        guard case .f64(let zero) = host.call("calc", "add", [.f64(-0.0), .f64(-0.0)])?.value else {
            throw FakeHost.Failure(JF_E_FAILED)
        }
        #expect(zero.sign == .minus)
        #expect(host.call("calc", "negate", [.i64(.max)])?.value == .i64(-.max))
        #expect(host.call("calc", "negate", [.i64(.min)])?.value == .i64(.min))
        #expect(host.call("calc", "negate", [.none])?.value == FakeHost.Value.none)
        #expect(
            host.call(
                "types", "scalars",
                [.bool(true), .i32(.min), .u32(.max), .u64(.max), .u64(0), .f32(-0.0), .i64(.min)])?.value
                == .string("true -2147483648 4294967295 18446744073709551615 0 -0.0 -9223372036854775808"))
    }

    @Test func `texts, bytes and JSON may be empty`() {
        #expect(
            host.call("types", "text", [.string(""), .bytes([]), .json("null")])?.value
                == .array([.string(""), .string("[]"), .string("null")]))
        #expect(
            host.call("types", "text", [.string("ä\0"), .bytes([0, 255]), .json(#"{"a":[1e2]}"#)])?.value
                == .array([.string("ä\0"), .string("[0, 255]"), .string(#"{"a":[1e2]}"#)]))
    }

    @Test func `a record is its fields in the order of the signature`() {
        let full: FakeHost.Value = .record([
            .string("r"), .bool(false), .string("green"),
            .array([.record([.f64(1), .f32(2)]), .record([.f64(-0.0), .none])]), .record([.f64(3), .f32(4)]),
            .json(#"{"one":1}"#), .string("2026-11-23T01:15:57.042Z"), .bytes([9]), .json("[1, 2]"),
        ])
        let sparse: FakeHost.Value = .record([
            .string(""), .none, .string("red"), .array([]), .none, .json("{}"), .string("1970-01-01T00:00:00.000Z"),
            .bytes([]), .json("null"),
        ])
        #expect(host.call("types", "row", [full]).map { $0.value } == full)
        #expect(host.call("types", "row", [sparse]).map { $0.value } == sparse)
        #expect(host.call("types", "rows", [.array([full, .none, sparse])])?.value == .i64(3))
    }

    @Test func `optionals nest within arrays`() {
        let value: FakeHost.Value = .array([.array([.i64(1), .none]), .none, .array([])])
        #expect(host.call("types", "nested", [value])?.value == value)
    }

    @Test func `a method may ask which plugin calls`() {
        #expect(host.call("types", "caller", [.i64(1)])?.value == .string("other 1"))
        #expect(host.call("types", "caller", [.i64(1)], by: "")?.value == .string("a client 1"))
    }

    @Test func `a failure has code and message, and an internal error only a general one`() {
        #expect(host.call("calc", "divide", [.f64(1), .f64(0)]).map { [$0.code] } == [JF_E_INVALID])
        #expect(host.call("calc", "divide", [.f64(1), .f64(0)])?.message == "b is 0")
        #expect(host.call("calc", "check", [.string("")])?.code == JF_E_NOT_FOUND)
        #expect(host.call("calc", "check", [.string("x")])?.code == JF_OK)
        #expect(host.call("types", "problem")?.code == JF_E_NOT_FOUND)
        #expect(host.log.isEmpty)
        #expect(
            host.call("types", "broken")?.message == "the method failed inside the plugin; its log says why")
        #expect(host.log.count == 1)
        #expect(host.log[0].hasPrefix("method 'broken() throws': "))
    }

    @Test func `arguments of other kinds are refused even if the host does not check them`() {
        #expect(host.call("calc", "add", [.f64(1)])?.message == "the call has 1 arguments, not 2")
        #expect(host.call("calc", "add", [.f64(1), .i64(2)])?.message == "argument 'b' must be a number")
        #expect(host.call("calc", "add", [.f64(1), .none])?.message == "argument 'b' is null; it must be a number")
        #expect(host.call("types", "rows", [.i64(1)])?.message == "argument 0 must be a list")
        #expect(host.call("types", "row", [.array([])])?.message == "argument 0 must be an object")
        #expect(host.call("types", "row", [.record([.string("r")])])?.code == JF_E_INVALID)
        #expect(host.call("types", "rows", [.array([.unknown(99)])])?.code == JF_E_INVALID)
    }

    @Test func `a result that init(from:) would not decode is an internal error`() {
        #expect(host.call("types", "uneven")?.code == JF_E_FAILED)
        #expect(host.log.count == 1)
    }

    @Test func `a method may answer later from another thread`() async throws {
        let call = try #require(host.call("later", "load", [.string("a")]))
        #expect(call.code == JF_OK)
        let done = FakeHost.Act.completed(call.reply, JF_OK, .array([.record([.f64(1), .none])]), "")
        #expect(await host.wait { $0 == done } != nil)
    }

    @Test func `a reply completes without a value, fails, or fails when it is released`() throws {
        let flushed = try #require(host.call("later", "flush"))
        let refused = try #require(host.call("later", "refuse", [.i64(7)]))
        let forgotten = try #require(host.call("later", "forget"))
        let thrown = try #require(host.call("later", "throw"))
        #expect(
            host.acts == [
                .completed(flushed.reply, JF_OK, .none, ""), .completed(refused.reply, JF_E_DENIED, .none, "not 7"),
                .completed(forgotten.reply, JF_E_FAILED, .none, "the plugin released the call without a result"),
                .completed(thrown.reply, JF_E_INVALID, .none, "no"),
            ])
        #expect([flushed, refused, forgotten, thrown].allSatisfy { $0.code == JF_OK })
    }

    @Test func `a method without a signature fails the load, and the log names it`() {
        final class Broken: Plugin {
            static let name = "broken", version = "1.0.0"
            init(host: JackfieldHost) throws {}
            static func declare(_ io: Declarations<Broken>) {
                io.service("wrong", version: 1) {
                    $0.method("a", run: .inline) { (reply: ServiceReply<Int>) in _ = reply }
                    $0.method("b") { (reply: ServiceReply<Socket>) in _ = reply }
                    $0.method("c-d") { 1 }
                    $0.method("e") { (x: Int??) in _ = x }
                }
            }
        }
        let host = FakeHost()
        #expect(host.load(Broken.main) == "jf_plugin_main: \(JF_E_INVALID)")
        #expect(host.log.count == 4)
        #expect(host.log.first == "method 'a' of service 'wrong' answers later, so it cannot run inline")
    }
}
