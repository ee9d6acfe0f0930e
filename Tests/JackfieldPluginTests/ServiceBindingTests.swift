import CJackfield
import FakeHost
import JackfieldPlugin
import Synchronization
import Testing

/// A plugin that uses services of others.
final class Consumer: Plugin {
    static let name = "consumer", version = "1.0.0"

    struct Row: SignatureValue, Equatable {
        let id: String
        let count: Int?
        let parts: [Part]?

        struct Part: Codable, Equatable {
            let weight: Double
        }
    }

    struct Calc: Sendable {
        let add: ServiceMethod<Double, Double, Double>
        let find: ServiceMethod<String, Row?>
        let store: ServiceMethod<[Row], JSON, Void>
        let now: ServiceMethod<Int>
    }

    let host: JackfieldHost
    var calc: ServiceBinding<Calc>?
    var seen: [String] = []

    init(host: JackfieldHost) throws {
        self.host = host
        calc = try host.bind(
            "calc", version: 1, 2, onChange: { (plugin: Consumer, status) in plugin.seen.append("\(status)") }
        ) {
            Calc(
                add: $0.method("add"), find: $0.method("find", throwing: true), store: $0.method("store"),
                now: $0.method("now"))
        }
    }

    static func declare(_ io: Declarations<Consumer>) {
        io.on("sum") { plugin in { (a: Double, b: Double) throws -> Double in try plugin.bound.add(a, b) } }
    }

    var bound: ServiceBinding<Calc> {
        get throws { try #require(calc) }
    }
}

@Suite struct ServiceBindingTests {
    let host = FakeHost()
    let plugin: Consumer

    static let row = "{id: string, count: i64?, parts: {weight: f64}[]?}"
    static let stored = Mutex<[[FakeHost.Value]]>([])

    static let methods: [(signature: String, body: FakeHost.Method)] = [
        (
            "add(f64, f64) -> f64",
            { args in
                guard case .f64(let a) = args[0], case .f64(let b) = args[1] else { return .none }
                return .f64(a + b)
            }
        ),
        (
            "find(string) throws -> \(row)?",
            { (args) throws(FakeHost.Failure) in
                if args == [.string("none")] { return .none }
                if args == [.string("wrong")] { return .i64(1) }
                if args == [.string("bad")] { throw FakeHost.Failure(JF_E_DENIED, "not you") }
                return .record([args[0], .i64(.min), .array([.record([.f64(-0.0)])])])
            }
        ),
        (
            "store(\(row)[], json)",
            { args in
                stored.withLock { $0.append(args) }
                return .none
            }
        ),
        ("now() -> i64", { _ in .i64(7) }),
    ]

    init() throws {
        try #require(host.load(Consumer.main) == nil)
        plugin = try #require(Instances.plugin(of: host) as? Consumer)
    }

    private func provide(minor: UInt32 = 2) { host.provide("calc", 1, minor, Self.methods) }

    @Test func `a call passes values and returns the result`() throws {
        provide()
        let calc = try plugin.bound
        #expect(try calc.add(1, 2) == 3)
        #expect(try calc.add(.infinity, -.infinity).isNaN)
        #expect(try calc.now() == 7)
        #expect(try calc.find("none") == nil)
        let found = try #require(try calc.find("r"))
        #expect(found == Consumer.Row(id: "r", count: .min, parts: [.init(weight: 0)]))
        #expect(found.parts?[0].weight.sign == .minus)
        try calc.store([found, .init(id: "", count: nil, parts: nil)], .null)
        // Tests that run at the same time store, too.
        let stored = Self.stored.withLock { $0 }
        #expect(
            stored.contains([
                .array([
                    .record([.string("r"), .i64(.min), .array([.record([.f64(0)])])]),
                    .record([.string(""), .none, .none]),
                ]), .json("null"),
            ]))
        #expect(host.unreleasedResults == 0)
    }

    @Test func `without a provider calls are unavailable, and the binding heals`() throws {
        let calc = try plugin.bound
        #expect(!calc.isAvailable)
        #expect { try calc.now() } throws: { ($0 as? ServiceError)?.code == JF_E_UNAVAILABLE }
        provide(minor: 9)
        #expect(calc.isAvailable)
        #expect(try calc.now() == 7)
        host.withdraw("calc")
        #expect(!calc.isAvailable)
        host.provide("calc", 2, 0, [])
        #expect(plugin.seen == ["available", "unavailable", #"mismatch("needs 1.2, provided 2.0")"#])
        #expect(host.unreleasedResults == 0)
    }

    @Test func `a failure has the code and the message of the method`() throws {
        provide()
        #expect { try plugin.bound.find("bad") } throws: {
            $0 as? ServiceError == ServiceError(JF_E_DENIED, "calc.find: not you")
        }
        #expect { try plugin.bound.find("wrong") } throws: {
            $0 as? ServiceError == ServiceError(JF_E_MISMATCH, "calc.find: the result must be an object")
        }
        #expect(host.unreleasedResults == 0)
    }

    @Test func `a call need not wait for its result`() throws {
        provide()
        let calc = try plugin.bound, sums = Mutex<[Double]>([])
        try calc.add.timeout(50).call(1, 2) { result in
            if let sum = try? result.get() { sums.withLock { $0.append(sum) } }
        }
        #expect(host.lastTimeout == 50)
        try calc.find.call("bad", answered: Consumer.self) { plugin, result in
            if case .failure(let error) = result { plugin.seen.append("\(error)") }
        }
        try calc.store.call([], .null, answered: Consumer.self) { plugin, result in
            if case .success = result { plugin.seen.append("stored") }
        }
        sums.withLock { #expect($0.isEmpty) }
        host.drain()
        sums.withLock { #expect($0 == [3]) }
        #expect(plugin.seen.suffix(2) == ["calc.find: not you (\(JF_E_DENIED))", "stored"])
    }

    @Test func `a call that is not made does not answer`() throws {
        let calc = try plugin.bound
        calc.unbind()
        #expect(throws: ServiceError.self) { try calc.now.call { _ in Issue.record("answered") } }
        #expect { try calc.now() } throws: { ($0 as? ServiceError)?.code == JF_E_GONE }
        host.drain()
    }

    @Test func `a result may be awaited`() async throws {
        provide()
        let calc = try plugin.bound
        let sum = Task { try await calc.add(1, 2) }
        let bad = Task { try await calc.find("bad") }
        while host.pendingCallbacks < 2 { await Task.yield() }
        host.drain()
        #expect(try await sum.value == 3)
        await #expect { try await bad.value } throws: { ($0 as? ServiceError)?.code == JF_E_DENIED }
    }

    @Test func `a client learns that a service is unavailable`() {
        let token = host.emit("sum", "[1,2]")
        provide()
        let sum = host.emit("sum", "[1,2]")
        #expect(host.acts == [.ackFailed(token, code: "unavailable"), .acked(sum, "[3]")])
    }

    @Test func `bind refuses a provider with other signatures, and says which`() throws {
        host.provide("other", 1, 0, [("add(i64) -> i64", { _ in .none })])
        #expect {
            try plugin.host.bind("other", version: 1) { Consumer.Calc.addOnly($0) }
        } throws: {
            let error = $0 as? ServiceError
            return error?.code == JF_E_MISMATCH
                && error?.message == #"other: needs add(f64, f64) -> f64, provided ["add(i64) -> i64"]"#
        }
    }

    @Test func `bind refuses a method whose signature cannot be derived`() throws {
        #expect {
            try plugin.host.bind("other", version: 1) { service -> ServiceMethod<Int??, Void> in service.method("x") }
        } throws: {
            ($0 as? ServiceError)?.code == JF_E_INVALID
        }
    }

    @Test func `a method may be called through a C function pointer`() throws {
        let calc = try plugin.bound
        let add = try unsafeBitCast(calc.add.cFunction(), to: (@convention(c) (Double, Double) -> Double).self)
        #expect(add(1, 2) == 3)
        #expect { try calc.find.cFunction() } throws: {
            $0 as? ServiceError == ServiceError(JF_E_UNSUPPORTED, "calc.find: a record has no form in C")
        }
    }

    @Test func `on a host without services bind throws an error`() {
        let older = FakeHost(missing: JF_SERVICES)
        #expect(older.load(Consumer.main)?.contains("(\(JF_E_UNSUPPORTED))") == true)
    }

    @Test func `a binding ends with its last copy`() throws {
        #expect(host.bindingCount == 1)
        var other: ServiceBinding<ServiceMethod<Double, Double, Double>>? = try plugin.host.bind("calc", version: 1) {
            Consumer.Calc.addOnly($0)
        }
        let add = other?.methods
        #expect(host.bindingCount == 2)
        other = nil
        #expect(host.bindingCount == 2)
        provide()
        #expect(try add?(1, 2) == 3)
        plugin.calc = nil
        #expect(host.bindingCount == 1)
        withExtendedLifetime(add) {}
    }
}

extension Consumer.Calc {
    static func addOnly(_ service: ServiceMethods) -> ServiceMethod<Double, Double, Double> { service.method("add") }
}
