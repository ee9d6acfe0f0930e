import CJackfield
import FakeHost
import JackfieldPlugin
import Testing

/// A plugin with typed handlers.
final class Calculator: Plugin, Sendable {
    static let name = "calculator", version = "1.0.0"

    struct Page: SignatureValue, Equatable {
        let items: [JSON]
        let next: String?
    }

    struct Query: SignatureValue {
        let room: String
        let limit: Int?
    }

    struct Change: SignatureValue {
        let room: String
        let at: String
    }

    init(host: JackfieldHost) throws {}

    static func declare(_ io: Declarations<Calculator>) {
        io.on("add") { (a: Double, b: Double) in a + b }
        io.on("multiply", arguments: ["a", "b"], Calculator.multiply)
        io.on("divide", arguments: ["a", "b"], run: .inline, Calculator.divide)
        io.on("half", run: .parallel) { (a: Int) throws(Problem) -> Int in
            guard a.isMultiple(of: 2) else { throw Problem.invalid("\(a) is odd") }
            return a / 2
        }
        io.on("page", arguments: ["query"], Calculator.page)
        io.on("enter", arguments: ["room"]) { (socket: Socket, room: String?) in
            _ = try socket.join(room ?? "lobby")
        }
        io.on("whoami") { (socket: Socket) -> String? in socket.user }
        io.on("log", Calculator.log)
        io.on("log here", run: .byUser) { (line: String) in _ = line }
        io.on("log there", run: .byUser, Calculator.log)
        io.on("ping") { "pong" }
        io.on("size") { (data: Binary, more: [Binary]?) in data.bytes.count + (more?.count ?? 0) }
        io.on("copy") { (value: JSON) in value }
        io.on("untyped", signature: "(room: string, ...) -> json") { _, event in try event.ack(1) }
        io.on("untyped there", signature: "(room: string)", run: .byUser, Calculator.untyped)
        let power: @convention(c) (Double, Double) -> Double = { a, b in a * b }
        io.function("power", "power(a: f64, b: f64) -> f64", run: .parallel, unsafeBitCast(power, to: jf_fn.self))
        io.of("/math")
            .function("power", "power(f64, f64) -> f64", unsafeBitCast(power, to: jf_fn.self))
            .on("negate") { (a: Int32) in -a }
            .emits("negated", Int32.self)
        io.emits("joined", "(change: {room: string, user: string})")
        io.emits("changed", arguments: ["change", "count"], Change.self, Int?.self)
        io.emits("nothing")
    }

    func multiply(a: Double, b: Double) -> Double { a * b }

    func divide(a: Int, b: Int) throws -> Int {
        guard b != 0 else { throw Problem(400, "division_by_zero", "b is 0") }
        return a / b
    }

    func page(_ query: Query) -> Page {
        Page(items: Array(repeating: .null, count: query.limit ?? 1), next: query.room)
    }
    func log(_ line: String) {}
    func untyped(_ socket: Socket, _ event: borrowing Event) throws { try event.ack() }
}

@Suite struct TypedHandlerTests {
    let host = FakeHost()

    init() throws { try #require(host.load(Calculator.main) == nil) }

    @Test(arguments: [
        ("add", "(f64, f64) -> f64"),
        ("multiply", "(a: f64, b: f64) -> f64"),
        ("divide", "(a: i64, b: i64) throws -> i64"),
        ("half", "(i64) throws -> i64"),
        ("page", "(query: {room: string, limit: i64?}) -> {items: json[], next: string?}"),
        ("enter", "(room: string?) throws"),
        ("whoami", "() -> string?"),
        ("log", "(string)"),
        ("log here", "(string)"),
        ("log there", "(string)"),
        ("ping", "() -> string"),
        ("size", "(bytes, bytes[]?) -> i64"),
        ("copy", "(json) -> json"),
        ("untyped", "(room: string, ...) -> json"),
        ("untyped there", "(room: string)"),
    ])
    func `the signature of a handler is derived from its type`(event: String, signature: String) {
        #expect(host.signature(of: event) == signature)
    }

    @Test func `an event of a namespace has a signature, too`() {
        #expect(host.signature(of: "negate", nsp: "/math") == "(i32) -> i32")
    }

    @Test func `run is declared as for other handlers`() {
        #expect(
            host.events.prefix(4).map(\.run) == [JF_RUN_STRAND, JF_RUN_STRAND, JF_RUN_INLINE, JF_RUN_PARALLEL])
    }

    @Test func `emitted events stand in the descriptor with namespace and signature`() {
        #expect(
            host.emits == [
                ["/math", "negated", "(i32)"],
                ["/", "joined", "(change: {room: string, user: string})"],
                ["/", "changed", "(change: {room: string, at: string}, count: i64?)"],
                ["/", "nothing", "()"],
            ])
    }

    @Test func `C functions stand in the descriptor with their signatures`() throws {
        #expect(
            host.functions == [
                ["/", "power", "power(a: f64, b: f64) -> f64"], ["/math", "power", "power(f64, f64) -> f64"],
            ])
        let function = try #require(host.plugin.functions.items?[0])
        #expect(function.run == JF_RUN_PARALLEL)
        let call = unsafeBitCast(function.c_function, to: (@convention(c) (Double, Double) -> Double).self)
        #expect(call(2, 3) == 6)
    }

    @Test func `the result is the ack's argument`() {
        let sum = host.emit("add", "[1,2.5]"), product = host.emit("multiply", "[3,1e2]")
        let quotient = host.emit("divide", "[-9223372036854775808,1]"), pong = host.emit("ping")
        let page = host.emit("page", #"[{"room":"r","limit":2}]"#)
        #expect(
            host.acts == [
                .acked(sum, "[3.5]"), .acked(product, "[300]"), .acked(quotient, "[-9223372036854775808]"),
                .acked(pong, #"["pong"]"#), .acked(page, #"[{"items":[null,null],"next":"r"}]"#),
            ])
    }

    @Test func `a handler without a result acks without arguments`() {
        host.setClient(4, .init(id: "id-4", user: nil))
        let logged = host.emit("log", #"[""]"#), entered = host.emit("enter", "[]", from: 4)
        #expect(host.acts == [.acked(logged, "[]"), .joined(4, "lobby"), .acked(entered, "[]")])
    }

    @Test func `a client that wants no ack gets none`() {
        host.setClient(4, .init(id: "id-4", user: nil))
        host.emit("add", "[1,2]", wantsAck: false)
        host.emit("enter", #"["a"]"#, from: 4, wantsAck: false)
        #expect(host.acts == [.joined(4, "a")])
    }

    @Test func `an optional result that is nil is null`() {
        let anonymous = host.emit("whoami"), named = host.emit("whoami", user: "ann")
        #expect(host.acts == [.acked(anonymous, "[null]"), .acked(named, #"["ann"]"#)])
    }

    @Test func `an optional argument may be null or absent`() {
        let absent = host.emit("size", #"[{"_placeholder":true,"num":0}]"#, attachments: [[1, 2]])
        let null = host.emit("size", #"[{"_placeholder":true,"num":0},null]"#, attachments: [[1, 2]])
        let json = host.emit("copy", "[null]")
        #expect(host.acts == [.acked(absent, "[2]"), .acked(null, "[2]"), .acked(json, "[null]")])
    }

    @Test func `numbers keep their limits, and -0 is written as 0 as in JavaScript`() {
        let negative = host.emit("multiply", "[-0.0,1]"), low = host.emit("negate", "[2147483647]", nsp: "/math")
        let high = host.emit("negate", "[2147483648]", nsp: "/math")
        #expect(
            host.acts == [
                .acked(negative, "[0]"), .acked(low, "[-2147483647]"), .ackFailed(high, code: "invalid_arguments"),
            ])
    }

    @Test func `a result that JSON does not have is an internal error`() {
        let infinite = host.emit("multiply", "[1e308,10]")
        #expect(host.acts == [.ackFailed(infinite, code: "internal")])
        #expect(host.log.count == 1)
    }

    @Test(arguments: [
        ("add", "[1]", "'add' needs an argument at position 1"),
        ("add", "[1,2,3]", "'add' has 2 arguments, not 3"),
        ("log", #"["a","b"]"#, "'log' has 1 argument, not 2"),
        ("ping", "[1]", "'ping' has 0 arguments, not 1"),
        ("add", #"[1,"2"]"#, "'add' argument 1 must be a number"),
        ("add", "[1,null]", "'add' argument 1 must be a number"),
        ("multiply", "[1]", "'multiply' needs argument 'b'"),
        ("multiply", "[1,true]", "'multiply' argument 'b' must be a number"),
        ("page", "[{}]", "'page' argument 'query'.room is missing"),
        ("page", #"[{"room":"r","limit":"x"}]"#, "'page' argument 'query'.limit must be a whole number"),
        (
            "divide", "[9223372036854775808,1]",
            "'divide' argument 'a' is wrong: it must be from -9223372036854775808 to 9223372036854775807"
        ),
        ("divide", "[1,0]", "b is 0"),
        ("half", "[3]", "3 is odd"),
    ])
    func `wrong arguments become an error even if the host does not check them`(
        event: String, args: String, message: String
    ) {
        let token = host.emit(event, args)
        #expect(host.detail(of: token) == message)
    }

    @Test func `a type without a signature fails the load, and the log names the event`() {
        final class Broken: Plugin {
            static let name = "broken", version = "1.0.0"
            enum Size: String, SignatureValue { case small }
            init(host: JackfieldHost) throws {}
            static func declare(_ io: Declarations<Broken>) {
                io.on("resize") { (size: Size) in _ = size }
                io.on("add", arguments: ["a"]) { (a: Int, b: Int) in a + b }
                io.on("sub", arguments: ["a", "a b"]) { (a: Int, b: Int) in a - b }
                io.emits("resized", Int??.self)
            }
        }
        let host = FakeHost()
        #expect(host.load(Broken.main) == "jf_plugin_main: \(JF_E_INVALID)")
        #expect(host.log.count == 4)
        #expect(host.log[0].hasPrefix("the event 'resize': Size refuses placeholder values"))
        #expect(host.log[1] == "the event 'add': 'arguments' has 1 names for 2 parameters")
        #expect(host.log[2].hasPrefix("the event 'sub': 'a b' cannot be the name of an argument"))
        #expect(host.log[3].hasPrefix("the emitted event 'resized': "))
    }
}
