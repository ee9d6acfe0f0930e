import CFunctionCall
import CJackfield
import Support

/// Calls that a plugin makes of other plugins' services. [any-thread]
extension LoadedPlugin {
    /// Milliseconds; the header promises these bounds.
    private static let timeouts: ClosedRange<UInt32> = 1...3_600_000
    /// What the host fills of a `jf_result`: all of it, since it has not grown.
    private static let resultSize = UInt32(jf_result.firstSize)

    /// Calls a method and waits for its result.
    ///
    /// For a method that runs inline this is the whole call: it takes no lock, counts no reference that other threads
    /// count, and allocates nothing if the result holds no address.
    func call(
        _ handle: jf_binding, _ number: UInt32, _ args: UnsafePointer<jf_value>?, _ count: UInt32, _ timeout: UInt32,
        _ result: UnsafeMutablePointer<jf_result>?
    ) -> Int32 {
        guard let result, result.pointee.struct_size >= Self.resultSize || result.pointee.struct_size == 0 else {
            return refuseResult(result)
        }
        result.pointee.struct_size = Self.resultSize
        result.pointee.value.kind = JF_VALUE_NONE
        result.pointee.message = jf_text(ptr: nil, len: 0)
        result.pointee.storage = nil
        guard isServed else { return Self.fail(result, JF_E_STATE) }
        guard let binding = bindings.find(handle) else { return Self.fail(result, JF_E_GONE) }
        return binding._withUnsafeGuaranteedRef { binding in
            let counter = binding.enter()
            guard binding.generation.load(ordering: .relaxed) == handle >> 16 else {
                binding.leave(counter)
                return Self.fail(result, JF_E_GONE)
            }
            guard number < binding.methodCount.load(ordering: .relaxed) else {
                binding.leave(counter)
                return Self.fail(result, JF_E_INVALID, "the binding has no method \(number)")
            }
            guard let target = binding.currentTargets.map({ $0 + Int(number) }) else {
                binding.leave(counter)
                return Self.fail(result, JF_E_UNAVAILABLE)
            }
            guard target.pointee.type._withUnsafeGuaranteedRef({ $0.accepts(args, count) }) else {
                let type = target.pointee.type.takeUnretainedValue()
                binding.leave(counter)
                return Self.fail(result, JF_E_INVALID, "method '\(type.name)': \(type.problem(args, count))")
            }
            guard target.pointee.isInline else {
                let method = target.pointee.method.takeUnretainedValue()
                binding.leave(counter)
                callAndWait(method, args, count, timeout).store(in: &result.pointee)
                return result.pointee.code
            }
            let code = callInline(target, args, count, result)
            binding.leave(counter)
            return code
        }
    }

    /// Calls a method on this thread.
    @inline(__always)
    private func callInline(
        _ target: UnsafeMutablePointer<ServiceBinding.Target>, _ args: UnsafePointer<jf_value>?, _ count: UInt32,
        _ result: UnsafeMutablePointer<jf_result>
    ) -> Int32 {
        // No jf_call_frames of another thread is ever reached: the variable is the thread's own.
        guard let frames = jf_call_frames() else { return JF_E_FAILED }
        guard !MethodRun.isTooDeep(frames) else {
            return Self.fail(
                result, JF_E_DEADLOCK, "methods that run inline call each other without end")
        }
        guard let handler = target.pointee.handler else {
            let method = target.pointee.method.takeUnretainedValue()
            MethodRun.perform(method, args: args, count: count, isTerminated: false, caller: nil, reply: ReplyToken(0))
                .store(in: &result.pointee)
            return result.pointee.code
        }
        var value = jf_none()
        var error = jf_error.sized
        var raw = jf_call.sized
        raw.arg_count = count
        raw.args = args
        raw.caller = callerText
        raw.context = target.pointee.context
        var frame = jf_call_frame(
            outer: frames.pointee, call: nil, method: target.pointee.method.toOpaque(), storage: nil,
            depth: (frames.pointee?.pointee.depth ?? 0) + 1)
        let code = withUnsafeMutablePointer(to: &value) { value in
            withUnsafeMutablePointer(to: &error) { error in
                raw.result = value
                raw.failure = error
                return withUnsafeMutablePointer(to: &raw) { raw in
                    withUnsafeMutablePointer(to: &frame) { frame in
                        frame.pointee.call = UnsafeRawPointer(raw)
                        frames.pointee = frame
                        let code = handler(target.pointee.instance, raw)
                        frames.pointee = frame.pointee.outer
                        return code
                    }
                }
            }
        }
        guard code == JF_OK, frame.storage == nil,
            target.pointee.type._withUnsafeGuaranteedRef({ $0.isPlain(value.kind) })
        else {
            let outcome =
                code == JF_OK
                ? MethodRun.outcome(value, target.pointee.type.takeUnretainedValue())
                : CallOutcome(code, MethodRun.message(of: &error))
            MethodRun.release(&frame)
            outcome.store(in: &result.pointee)
            return result.pointee.code
        }
        result.pointee.value = value
        result.pointee.code = JF_OK
        return JF_OK
    }

    /// Queues a call, and waits for its outcome.
    private func callAndWait(
        _ method: ProvidedMethod, _ args: UnsafePointer<jf_value>?, _ count: UInt32, _ timeout: UInt32
    ) -> CallOutcome {
        guard Self.timeouts.contains(timeout) else {
            return CallOutcome(JF_E_INVALID, "timeout is \(timeout) ms, not 1 to 3,600,000")
        }
        let thread = ThreadState.current
        guard thread?.loop == nil else {
            return CallOutcome(
                JF_E_STATE,
                "method '\(method.type.name)' does not run inline, and an event loop may not wait for it: use call_async"
            )
        }
        guard let block = ValueBlock(copying: args, count: Int(count)) else {
            return CallOutcome(JF_E_LIMIT, "the arguments have more than \(ValueBlock.largest >> 20) MiB")
        }
        let waits = host.services.waits
        let own = thread?.strand
        guard let strand = method.strands.first(where: { strand in own.map { waits.begin($0, for: strand) } ?? true })
        else {
            return CallOutcome(
                JF_E_DEADLOCK,
                "method '\(method.type.name)' of plugin '\(method.plugin.name)' would wait for the thread that calls it"
            )
        }
        defer { if let own { waits.end(own) } }
        let future = BlockingFuture<CallOutcome>()
        let call = ServiceCall(method, block, caller: self) { future.fulfil($0) }
        call.enqueue(on: strand)
        if let outcome = future.wait(until: Clock.monotonicNanoseconds + Int64(timeout) * 1_000_000) { return outcome }
        let late = CallOutcome(
            JF_E_TIMEOUT,
            "method '\(method.type.name)' of plugin '\(method.plugin.name)' gave no result within \(timeout) ms")
        // If it was settled meanwhile, its outcome is about to be in the future.
        return call.settle(late) ? late : future.wait(until: .max) ?? late
    }

    /// Calls a method, and calls `answer` with its outcome on this plugin's strand.
    func callAsync(
        _ handle: jf_binding, _ number: UInt32, _ args: UnsafePointer<jf_value>?, _ count: UInt32, _ timeout: UInt32,
        _ answer: PluginCall<jf_result_fn>
    ) throws(HostCallError) -> Int32 {
        guard Self.timeouts.contains(timeout) else { throw .invalid("timeout is \(timeout) ms, not 1 to 3,600,000") }
        guard let binding = bindings.find(handle)?.takeUnretainedValue() else { return JF_E_GONE }
        let counter = binding.enter()
        defer { binding.leave(counter) }
        guard binding.generation.load(ordering: .relaxed) == handle >> 16 else { return JF_E_GONE }
        guard number < binding.methodCount.load(ordering: .relaxed) else {
            throw .invalid("the binding has no method \(number)")
        }
        guard let target = binding.currentTargets.map({ $0 + Int(number) }) else { return JF_E_UNAVAILABLE }
        let method = target.pointee.method.takeUnretainedValue()
        guard method.type.accepts(args, count) else {
            throw .invalid("method '\(method.type.name)': \(method.type.problem(args, count))")
        }
        let promise = promise { self.make(answer, CallOutcome(JF_E_GONE, "the plugin is stopping")) }
        guard promise.number != nil else { return promise.code }
        let finish: @Sendable (CallOutcome) -> Void = { outcome in
            self.complete(promise) {
                let task = StrandTask(.answer, run: { self.make(answer, outcome) })
                _ = self.strand.enqueue(task, bytes: outcome.bytes, promised: true)
            }
        }
        if method.run == .inline {
            guard let frames = jf_call_frames(), !MethodRun.isTooDeep(frames) else {
                _ = claim(promise)
                return JF_E_DEADLOCK
            }
            finish(
                MethodRun.perform(
                    method, args: args, count: count, isTerminated: false, caller: self, reply: ReplyToken(0)))
            return JF_OK
        }
        guard let block = ValueBlock(copying: args, count: Int(count)) else {
            _ = claim(promise)
            throw HostCallError(
                code: JF_E_LIMIT, problem: "the arguments have more than \(ValueBlock.largest >> 20) MiB")
        }
        let call = ServiceCall(method, block, caller: self) { [host] outcome in
            host.timers.timerCancelled()
            finish(outcome)
        }
        // Before the call is queued, so that a call that is settled at once cancels it.
        host.timers.schedule(
            at: Clock.monotonicNanoseconds + Int64(timeout) * 1_000_000, isWanted: { !call.isSettled }
        ) {
            call.settle(CallOutcome(JF_E_TIMEOUT, "no result within \(timeout) ms"))
        }
        call.enqueue(on: method.strands[0])
        return JF_OK
    }

    /// On the strand.
    private func make(_ answer: PluginCall<jf_result_fn>, _ outcome: CallOutcome) {
        guard isCreated else { return }
        var raw = jf_result.sized
        outcome.store(in: &raw)
        answer.function(instance, answer.context, &raw)
        CallOutcome.release(&raw)
    }

    // MARK: Failures

    /// Stores a failure without a message.
    @inline(__always)
    private static func fail(_ result: UnsafeMutablePointer<jf_result>, _ code: Int32) -> Int32 {
        result.pointee.code = code
        return code
    }

    @inline(never)
    private static func fail(_ result: UnsafeMutablePointer<jf_result>, _ code: Int32, _ message: String) -> Int32 {
        CallOutcome(code, message).store(in: &result.pointee)
        return code
    }

    @inline(never)
    private func refuseResult(_ result: UnsafeMutablePointer<jf_result>?) -> Int32 {
        guard let result else { return invalid("call", "result is NULL") }
        return invalid(
            "call",
            "result->struct_size is \(result.pointee.struct_size), less than \(Self.resultSize); set it to sizeof")
    }
}
