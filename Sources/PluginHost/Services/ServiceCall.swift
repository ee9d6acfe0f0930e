import CFunctionCall
import CJackfield
import Glibc
import Support
import Synchronization

/// A call of a method that does not run on the caller's thread: it waits in the queue of the provider, runs there, and
/// may be answered later. Settled exactly once. [any-thread]
final class ServiceCall: Sendable {
    let method: ProvidedMethod
    /// `nil`: a client.
    private let caller: LoadedPlugin?
    /// nil when the call is settled: a timer may hold the call much longer than its arguments are needed.
    private let waiting: Mutex<Waiting?>

    private struct Waiting: Sendable {
        let args: ValueBlock
        /// Called once, on the thread that settles the call.
        let completion: @Sendable (CallOutcome) -> Void
    }

    init(
        _ method: ProvidedMethod, _ args: ValueBlock, caller: LoadedPlugin?,
        completion: @escaping @Sendable (CallOutcome) -> Void
    ) {
        self.method = method
        self.caller = caller
        waiting = Mutex(Waiting(args: args, completion: completion))
    }

    var isSettled: Bool { waiting.withLock { $0 == nil } }

    /// - Returns: `false` if it was settled before.
    @discardableResult
    func settle(_ outcome: CallOutcome) -> Bool {
        let waiting = waiting.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        waiting?.completion(outcome)
        return waiting != nil
    }

    /// Queues the call on a strand of its method; settles it if the queue refuses it, or the provider ends first.
    func enqueue(on strand: Strand) {
        let plugin = method.plugin
        let task = StrandTask(method.callback, run: { self.run() }, drop: { self.settle(self.gone) })
        let bytes = waiting.withLock { $0?.args.bytes ?? 0 }
        guard !strand.enqueue(task, bytes: bytes) else { return }
        settle(plugin.isInForce ? CallOutcome(JF_E_LIMIT, "the queue of plugin '\(plugin.name)' is full") : gone)
    }

    private var gone: CallOutcome { CallOutcome(JF_E_UNAVAILABLE, "plugin '\(method.plugin.name)' has stopped") }

    /// Calls the method. On its strand.
    private func run() {
        let plugin = method.plugin
        // nil: the caller does not wait any more.
        guard plugin.isCreated, let args = waiting.withLock({ $0?.args }) else { return }
        guard let token = plugin.tokens.enter(.call(self), kept: false) else {
            settle(
                plugin.isInForce
                    ? CallOutcome(JF_E_LIMIT, "plugin '\(plugin.name)' has too many calls under way") : gone)
            return
        }
        let outcome = MethodRun.perform(
            method, args: args.values, count: UInt32(args.count), isTerminated: true, caller: caller, reply: token)
        // If the token is gone, the method has completed or kept it.
        guard plugin.tokens.reclaim(token) != nil else { return }
        settle(outcome)
    }
}

/// Runs the body of a method on this thread.
enum MethodRun {
    /// Calls that may be nested on one thread; see ``isTooDeep(_:)``.
    private static let deepest: UInt32 = 32

    /// - Parameters:
    ///   - args: checked against the method's signature.
    ///   - isTerminated: whether a zero byte stands behind each text.
    ///   - reply: 0: the method must answer before it returns.
    static func perform(
        _ method: ProvidedMethod, args: UnsafePointer<jf_value>?, count: UInt32, isTerminated: Bool,
        caller: LoadedPlugin?, reply: ReplyToken
    ) -> CallOutcome {
        switch method.body {
        case .function(let function, let type):
            return call(function, of: type, method, args, isTerminated: isTerminated)
        case .handler(let handler):
            return call(handler, method, args, count, caller: caller?.callerText ?? .none, reply: reply)
        }
    }

    /// Calls a C function through libffi.
    static func call(
        _ function: jf_fn, of type: CFunctionType, _ method: ProvidedMethod, _ args: UnsafePointer<jf_value>?,
        isTerminated: Bool
    ) -> CallOutcome {
        guard let frames = jf_call_frames() else { return CallOutcome(JF_E_FAILED) }
        // Counted among the nested calls: the function may be one that calls another plugin's method.
        var frame = jf_call_frame(
            outer: frames.pointee, call: nil, method: nil, storage: nil,
            depth: (frames.pointee?.pointee.depth ?? 0) + 1)
        var value = jf_value()
        var storage: UnsafeMutableRawPointer?
        var status: Int32 = 0
        let code = withUnsafeMutablePointer(to: &frame) { frame in
            frames.pointee = frame
            defer { frames.pointee = frame.pointee.outer }
            return jf_function_call(type.pointer, function, args, isTerminated, &value, &storage, &status)
        }
        defer { free(storage) }
        guard code == JF_OK else { return failure(code, status, method.type) }
        return outcome(value, method)
    }

    /// The failure of a C function.
    static func failure(_ code: Int32, _ status: Int32, _ method: MethodType) -> CallOutcome {
        if status != 0, code == JF_E_FAILED { return CallOutcome(code, "'\(method.name)' returned \(status)") }
        if code == JF_E_FAILED { return CallOutcome(code, "'\(method.name)' returned NULL") }
        return CallOutcome(
            code, "the result of '\(method.name)' exceeds \(JF_FORM_TEXT_CAPACITY) bytes, or there is no memory")
    }

    private static func call(
        _ handler: jf_method_fn, _ method: ProvidedMethod, _ args: UnsafePointer<jf_value>?, _ count: UInt32,
        caller: jf_text, reply: ReplyToken
    ) -> CallOutcome {
        var result = jf_value()
        var error = jf_error.sized
        var raw = jf_call.sized
        raw.arg_count = count
        raw.args = args
        raw.reply = reply.raw
        raw.caller = caller
        raw.context = method.context
        return withUnsafeMutablePointer(to: &result) { result in
            withUnsafeMutablePointer(to: &error) { error in
                raw.result = result
                raw.failure = error
                return withUnsafeMutablePointer(to: &raw) { raw in
                    guard let frames = jf_call_frames() else { return CallOutcome(JF_E_FAILED) }
                    var frame = jf_call_frame(
                        outer: frames.pointee, call: UnsafeRawPointer(raw),
                        method: UnsafeRawPointer(Unmanaged.passUnretained(method).toOpaque()), storage: nil,
                        depth: (frames.pointee?.pointee.depth ?? 0) + 1)
                    let code = withUnsafeMutablePointer(to: &frame) { frame in
                        frames.pointee = frame
                        defer { frames.pointee = frame.pointee.outer }
                        return handler(method.plugin.instance, raw)
                    }
                    defer { release(&frame) }
                    guard code == JF_OK else { return failure(code, error, method) }
                    return outcome(result.pointee, method)
                }
            }
        }
    }

    /// Frees the result that `set_result` copied.
    static func release(_ frame: inout jf_call_frame) {
        if let storage = frame.storage { Unmanaged<ValueBlock>.fromOpaque(storage).release() }
        frame.storage = nil
    }

    /// The message that `jf_fail` wrote.
    static func message(of error: UnsafeMutablePointer<jf_error>) -> String {
        withUnsafeBytes(of: &error.pointee.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The outcome of a method that returned a code other than `JF_OK`.
    static func failure(_ code: Int32, _ error: UnsafeMutablePointer<jf_error>, _ method: ProvidedMethod) -> CallOutcome
    {
        guard code > 0 else { return CallOutcome(code, message(of: error)) }
        // To the caller, a positive code would look like success.
        let problem =
            code == JF_PENDING
            ? "returned JF_PENDING, which is for admit; a method that answers later keeps its reply and returns JF_OK"
            : "returned \(code), which is no failure"
        method.plugin.log.warning("method '\(method.type.name)' \(problem)")
        return CallOutcome(JF_E_FAILED, "method '\(method.type.name)' \(problem)")
    }

    /// The outcome of a method that succeeded: its result, checked and copied.
    static func outcome(_ value: jf_value, _ method: ProvidedMethod) -> CallOutcome {
        guard let problem = method.type.problem(ofResult: value) else { return CallOutcome(copying: value) }
        method.plugin.log.warning("method '\(method.type.name)': \(problem); the caller gets JF_E_MISMATCH")
        return CallOutcome(JF_E_MISMATCH, "method '\(method.type.name)': \(problem)")
    }

    /// Whether a call on this thread is nested too deeply: methods that run inline and call each other without end
    /// would use up the stack.
    @inline(__always)
    static func isTooDeep(_ frames: UnsafeMutablePointer<UnsafeMutablePointer<jf_call_frame>?>) -> Bool {
        (frames.pointee?.pointee.depth ?? 0) >= deepest
    }
}
