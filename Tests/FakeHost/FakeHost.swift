import CJackfield
import Foundation

/// The host's side of the header, reduced to what tests need: it records the plugin's calls and simulates the clients.
///
/// Callbacks of the plugin run on the test's own thread; ``drain()`` runs those that the plugin posted. Calls from
/// other threads are recorded too.
///
/// `@unchecked Sendable`: all mutable state is in `state`, protected by `lock`; `plugin` and `instance` are used by the
/// test's own task only.
public final class FakeHost: @unchecked Sendable {
    /// A call that the plugin made.
    public enum Act: Equatable, Sendable {
        case emitted(to: jf_socket, name: String, args: String, attachments: [[UInt8]] = [])
        case broadcast(
            nsp: String, rooms: [String], except: [String], exceptSocket: jf_socket, name: String, args: String)
        case acked(jf_token, String, attachments: [[UInt8]] = [])
        case ackFailed(jf_token, code: String)
        case responded(jf_token, status: Int, body: String)
        case problem(jf_token, status: Int, code: String)
        case streamed(jf_stream, String)
        case streamEnded(jf_stream)
        case joined(jf_socket, String)
        case left(jf_socket, String)
        case disconnected(jf_socket, close: Bool)
        case accepted(jf_token, user: String = "", claims: String = "")
        case refused(jf_token, message: String, data: String)
        case dropped(jf_token)
        case completed(jf_token, Int32, Value, String)
    }

    /// A socket that ``jf_sockets_api`` knows.
    public struct Client: Sendable {
        public var id: String
        public var user: String?
        public var rooms: [String]
        public var data = "{}"

        public init(id: String, user: String?, rooms: [String] = []) {
            self.id = id
            self.user = user
            self.rooms = [id] + rooms
        }
    }

    struct State {
        var acts: [Act] = []
        var headers: [jf_token: [String: String]] = [:]
        var detail: [jf_token: String] = [:]
        var log: [String] = []
        var batches = 0
        var online: [String: Int] = [:]
        var clients: [jf_socket: Client] = [:]
        var completed: Set<jf_token> = []
        var queue: [() -> Void] = []
        var timers: [jf_timer: () -> Void] = [:]
        var frees: [jf_timer: () -> Void] = [:]
        var watches: [jf_stream: StreamWatch] = [:]
        var questions: [(socket: jf_socket, answer: (Int32, String) -> Void)] = []
        var nextNumber: UInt64 = 1000
        var fullStreams = false
        var pluginData: [jf_socket: (UInt, jf_free_fn?)] = [:]
        var handshakeHeaders = ("", "")
        var now: Int64 = 1_790_000_000_000
        var services: [Service] = []
        var bindings: [jf_binding: Need] = [:]
        var unreleased = 0
        var lastTimeout: UInt32 = 0
        /// The results that methods set, by the address of their call.
        var results: [UInt: Value] = [:]
    }

    private let lock = NSLock()
    private var state = State()
    let configText: UnsafeMutableBufferPointer<CChar>
    public internal(set) var plugin = jf_plugin()
    public internal(set) var instance: UnsafeMutableRawPointer?

    /// An interface that this host does not have.
    let missingInterface: String?

    /// `config`: the plugin's configuration as JSON. `missing`: the id of an interface that this host does not have.
    public init(config: String = "{}", missing: String? = nil) {
        missingInterface = missing
        let utf8 = config.utf8.map { CChar(bitPattern: $0) }
        configText = .allocate(capacity: utf8.count)
        _ = configText.initialize(from: utf8)
        // Never released, because the header promises that `jf_host` is valid for the life of the process.
        _ = Unmanaged.passRetained(self)
    }

    var pointer: OpaquePointer { OpaquePointer(Unmanaged.passUnretained(self).toOpaque()) }

    static func of(_ pointer: OpaquePointer?) -> FakeHost {
        Unmanaged<FakeHost>.fromOpaque(UnsafeRawPointer(pointer!)).takeUnretainedValue()
    }

    func with<Value>(_ body: (inout State) -> Value) -> Value { lock.withLock { body(&state) } }

    func record(_ act: Act) { with { $0.acts.append(act) } }

    func number() -> UInt64 {
        with {
            $0.nextNumber += 1
            return $0.nextNumber
        }
    }

    // MARK: Recorded calls and settings

    public var acts: [Act] { with { $0.acts } }
    public var log: [String] { with { $0.log } }
    /// The number of calls of `core.batch`.
    public var batches: Int { with { $0.batches } }

    /// The header lines that the last handshake added: those of the first response, and those of every response.
    public var handshakeHeaders: (String, String) { with { $0.handshakeHeaders } }

    public func forget() { with { $0.acts = [] } }

    /// Sets the number of connections of a user.
    public func setOnline(_ user: String, _ connections: Int) { with { $0.online[user] = connections } }
    public func setClient(_ handle: jf_socket, _ client: Client?) { with { $0.clients[handle] = client } }
    public func setNow(_ milliseconds: Int64) { with { $0.now = milliseconds } }
    public func setStreamsFull(_ full: Bool) { with { $0.fullStreams = full } }
    public func header(_ name: String, of reply: jf_token) -> String? { with { $0.headers[reply]?[name] } }
    public func detail(of token: jf_token) -> String { with { $0.detail[token] ?? "" } }

    /// Waits for a call that fits; returns nil after five seconds.
    public func wait(for fits: (Act) -> Bool) async -> Act? {
        for _ in 0..<1000 {
            if let found = acts.first(where: fits) { return found }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return nil
    }

    /// Waits for the ack or HTTP response that completes a token; nil after five seconds.
    public func answer(to token: jf_token) async -> Act? {
        await wait {
            switch $0 {
            case .acked(let kept, _, _), .ackFailed(let kept, _), .responded(let kept, _, _), .problem(let kept, _, _):
                kept == token
            default: false
            }
        }
    }

    /// Runs the queued callbacks: posted functions, the results of fetch, and the free functions of cancelled timers.
    public func drain() {
        while true {
            let work = with { state in
                defer { state.queue = [] }
                return state.queue
            }
            if work.isEmpty { return }
            for item in work { item() }
        }
    }

    /// How many callbacks ``drain()`` would run.
    public var pendingCallbacks: Int { with { $0.queue.count } }

    /// Calls the plugin's `writable` callback of a stream.
    public func makeWritable(_ stream: jf_stream) {
        guard let watch = with({ $0.watches[stream] }) else { return }
        watch.writable?(instance, UnsafeMutableRawPointer(bitPattern: watch.context), stream)
    }

    public func closeStream(_ stream: jf_stream, _ why: Int32) {
        guard let watch = with({ $0.watches.removeValue(forKey: stream) }) else { return }
        watch.closed?(instance, UnsafeMutableRawPointer(bitPattern: watch.context), stream, why)
    }

    /// Fires all pending one-shot timers.
    public func fireTimers() {
        let due = with { state in
            defer { state.timers = [:] }
            return state.timers.sorted { $0.key < $1.key }.map(\.value)
        }
        for fire in due { fire() }
    }

    /// Answers the oldest event that the plugin emitted with an ack.
    public func answerQuestion(_ args: String, status: Int32 = 0) {
        let question = with { $0.questions.isEmpty ? nil : $0.questions.removeFirst() }
        question?.answer(status, args)
    }
}

/// A copy of `jf_stream_callbacks`.
struct StreamWatch: Sendable {
    let context: UInt
    let writable: (@convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, jf_stream) -> Void)?
    let closed: (@convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, jf_stream, Int32) -> Void)?

    init(_ watch: jf_stream_callbacks) {
        context = UInt(bitPattern: watch.context)
        writable = watch.writable
        closed = watch.closed
    }
}

/// The result codes of the header as `Int32`, the type that its functions return: Swift imports the constants of a C
/// enumeration as `Int`.
let JF_OK = Int32(CJackfield.JF_OK)
let JF_PENDING = Int32(CJackfield.JF_PENDING)
let JF_E_FAILED = Int32(CJackfield.JF_E_FAILED)
let JF_E_INVALID = Int32(CJackfield.JF_E_INVALID)
let JF_E_GONE = Int32(CJackfield.JF_E_GONE)
let JF_E_UNSUPPORTED = Int32(CJackfield.JF_E_UNSUPPORTED)
let JF_E_LIMIT = Int32(CJackfield.JF_E_LIMIT)
let JF_E_SPACE = Int32(CJackfield.JF_E_SPACE)
let JF_E_NOT_FOUND = Int32(CJackfield.JF_E_NOT_FOUND)
let JF_E_DENIED = Int32(CJackfield.JF_E_DENIED)
let JF_E_TIMEOUT = Int32(CJackfield.JF_E_TIMEOUT)
let JF_E_UNAVAILABLE = Int32(CJackfield.JF_E_UNAVAILABLE)
let JF_E_MISMATCH = Int32(CJackfield.JF_E_MISMATCH)
