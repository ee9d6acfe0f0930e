import CFunctionCall
import CJackfield
import Glibc

/// Runs the body of a method on this thread.
enum MethodRun {
    /// Calls that may be nested on one thread; see ``isTooDeep``.
    private static let deepest: UInt32 = 32

    /// - Parameters:
    ///   - args: checked against the method's signature.
    ///   - isTerminated: whether a zero byte stands behind each text.
    ///   - caller: the name of the plugin that calls.
    ///   - reply: 0: the method must answer before it returns.
    static func perform(
        _ method: ProvidedMethod, args: UnsafePointer<jf_value>?, count: UInt32, isTerminated: Bool,
        caller: jf_text, reply: ReplyToken
    ) -> CallOutcome {
        switch method.body {
        case .function(let function, let type):
            return call(function, of: type, method, args, isTerminated: isTerminated)
        case .handler(let handler):
            return invoke(
                handler, method.plugin.instance, method.context,
                of: UnsafeRawPointer(Unmanaged.passUnretained(method).toOpaque()), args, count,
                caller: caller, reply: reply
            ) { code, value, error in
                code == JF_OK ? outcome(value, method) : failure(code, error, method)
            }
        }
    }

    /// Calls a C function through libffi.
    static func call(
        _ function: jf_fn, of type: CFunctionType, _ method: ProvidedMethod, _ args: UnsafePointer<jf_value>?,
        isTerminated: Bool
    ) -> CallOutcome {
        var value = jf_value()
        var storage: UnsafeMutableRawPointer?
        var status: Int32 = 0
        // Counted among the nested calls: the function may be one that calls another plugin's method.
        let code = nested(call: nil, of: nil) {
            jf_function_call(type.pointer, function, args, isTerminated, &value, &storage, &status)
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

    /// Calls the handler of a method on this thread.
    ///
    /// - Parameters:
    ///   - method: a ``ProvidedMethod``. Not as a reference, so that a call counts none.
    ///   - finish: gets the handler's code, result and error, which are valid until it returns.
    @inline(__always)
    static func invoke<Outcome>(
        _ handler: jf_method_fn, _ instance: UnsafeMutableRawPointer?, _ context: UnsafeMutableRawPointer?,
        of method: UnsafeRawPointer, _ args: UnsafePointer<jf_value>?, _ count: UInt32, caller: jf_text,
        reply: ReplyToken, _ finish: (Int32, jf_value, UnsafeMutablePointer<jf_error>) -> Outcome
    ) -> Outcome {
        var value = jf_none()
        var error = jf_error.sized
        var raw = jf_call.sized
        raw.arg_count = count
        raw.args = args
        raw.reply = reply.raw
        raw.caller = caller
        raw.context = context
        return withUnsafeMutablePointer(to: &value) { value in
            withUnsafeMutablePointer(to: &error) { error in
                raw.result = value
                raw.failure = error
                return withUnsafeMutablePointer(to: &raw) { raw in
                    nested(call: UnsafeRawPointer(raw), of: method) {
                        let code = handler(instance, raw)
                        return finish(code, value.pointee, error)
                    }
                }
            }
        }
    }

    // MARK: Nested calls

    /// The variable of this thread that holds the innermost call.
    @inline(__always)
    static var frames: UnsafeMutablePointer<UnsafeMutablePointer<jf_call_frame>?> {
        // The address of a thread-local variable is never NULL.
        jf_call_frames().unsafelyUnwrapped
    }

    /// Runs `body` as the innermost call of this thread.
    @inline(__always)
    private static func nested<Outcome>(
        call: UnsafeRawPointer?, of method: UnsafeRawPointer?, _ body: () -> Outcome
    ) -> Outcome {
        let frames = frames
        var frame = jf_call_frame(
            outer: frames.pointee, call: call, method: method, storage: nil, depth: depth(frames) + 1)
        return withUnsafeMutablePointer(to: &frame) { frame in
            frames.pointee = frame
            defer {
                frames.pointee = frame.pointee.outer
                // What `set_result` has copied.
                if let storage = frame.pointee.storage { Unmanaged<ValueBlock>.fromOpaque(storage).release() }
            }
            return body()
        }
    }

    /// How many calls are nested on the thread whose ``frames`` these are.
    @inline(__always)
    private static func depth(_ frames: UnsafeMutablePointer<UnsafeMutablePointer<jf_call_frame>?>) -> UInt32 {
        frames.pointee?.pointee.depth ?? 0
    }

    /// Whether a further call on this thread would be nested too deeply: methods that run inline and call each other
    /// without end would use up the stack.
    @inline(__always)
    static var isTooDeep: Bool { depth(frames) >= deepest }

    /// The outcome of a call that ``isTooDeep`` refuses.
    static let tooDeep = CallOutcome(JF_E_DEADLOCK, "methods that run inline call each other without end")

    // MARK: Outcomes

    /// The outcome of a method that returned a code other than `JF_OK`.
    static func failure(_ code: Int32, _ error: UnsafeMutablePointer<jf_error>, _ method: ProvidedMethod) -> CallOutcome
    {
        method.plugin.errors.count(.call)
        guard code > 0 else { return CallOutcome(code, error.pointee.text) }
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
        method.plugin.errors.count(.call)
        method.plugin.log.warning("method '\(method.type.name)': \(problem); the caller gets JF_E_MISMATCH")
        return CallOutcome(JF_E_MISMATCH, "method '\(method.type.name)': \(problem)")
    }
}
