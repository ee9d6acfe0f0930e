import CFunctionCall
import CJackfield
import Support

/// Calls that a plugin makes of other plugins' services. [any-thread]
extension LoadedPlugin {
    /// Why a timeout is invalid; the header promises these bounds.
    static func problem(ofTimeout milliseconds: UInt32) -> String? {
        (1...3_600_000).contains(milliseconds) ? nil : "timeout is \(milliseconds) ms, not 1 to 3,600,000"
    }

    static let tooManyArguments = "the arguments have more than \(ValueBlock.largest >> 20) MiB"
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
        result.pointee.value = jf_none()
        result.pointee.message = jf_text(ptr: nil, len: 0)
        result.pointee.storage = nil
        guard isServed else { return Self.fail(result, JF_E_STATE) }
        guard let binding = bindings.find(handle) else {
            return callDaemon(handle, number, args, count, timeout, result)
        }
        return binding._withUnsafeGuaranteedRef { binding in
            let counter = binding.enter()
            guard binding.generation.load(ordering: .sequentiallyConsistent) == handle >> 16 else {
                binding.leave(counter)
                return Self.fail(result, JF_E_GONE)
            }
            guard let list = binding.currentTargets else {
                binding.leave(counter)
                guard binding.status.load(ordering: .relaxed) == JF_E_MISMATCH else {
                    return Self.fail(result, JF_E_UNAVAILABLE)
                }
                host.services.absence(of: binding).store(in: &result.pointee)
                return result.pointee.code
            }
            guard number < list.pointee.count else {
                binding.leave(counter)
                return Self.fail(result, JF_E_INVALID, "the binding has no method \(number)")
            }
            let target = list.pointee.items + Int(number)
            guard target.pointee.type._withUnsafeGuaranteedRef({ $0.accepts(args, count) }) else {
                let type = target.pointee.type.takeUnretainedValue()
                binding.leave(counter)
                return Self.fail(result, JF_E_INVALID, "method '\(type.name)': \(type.problem(args, count))")
            }
            guard target.pointee.isInline else {
                let method = target.pointee.method.takeUnretainedValue()
                // Leaves when the call is queued, so that `stop` of the provider comes after it.
                callAndWait(method, args, count, timeout, queued: { binding.leave(counter) }).store(in: &result.pointee)
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
        guard !MethodRun.isTooDeep else {
            MethodRun.tooDeep.store(in: &result.pointee)
            return result.pointee.code
        }
        guard let handler = target.pointee.handler else {
            let method = target.pointee.method.takeUnretainedValue()
            MethodRun.perform(
                method, args: args, count: count, isTerminated: false, caller: callerText, reply: ReplyToken(0)
            )
            .store(in: &result.pointee)
            return result.pointee.code
        }
        return MethodRun.invoke(
            handler, target.pointee.instance, target.pointee.context, of: target.pointee.method.toOpaque(), args, count,
            caller: callerText, reply: ReplyToken(0)
        ) { code, value, error in
            guard code == JF_OK, target.pointee.type._withUnsafeGuaranteedRef({ $0.isPlain(value.kind) }) else {
                let method = target.pointee.method.takeUnretainedValue()
                let outcome =
                    code == JF_OK ? MethodRun.outcome(value, method) : MethodRun.failure(code, error, method)
                outcome.store(in: &result.pointee)
                return result.pointee.code
            }
            result.pointee.value = value
            result.pointee.code = JF_OK
            return JF_OK
        }
    }

    /// Queues a call, and waits for its outcome.
    ///
    /// - Parameter queued: called once, when the call is queued or will not be.
    private func callAndWait(
        _ method: ProvidedMethod, _ args: UnsafePointer<jf_value>?, _ count: UInt32, _ timeout: UInt32,
        queued: () -> Void
    ) -> CallOutcome {
        var isQueued = false
        defer { if !isQueued { queued() } }
        if let problem = Self.problem(ofTimeout: timeout) { return CallOutcome(JF_E_INVALID, problem) }
        let thread = ThreadState.current
        guard thread?.loop == nil else {
            return CallOutcome(
                JF_E_STATE,
                "method '\(method.type.name)' does not run inline, and an event loop may not wait for it: use call_async"
            )
        }
        guard let block = ValueBlock(copying: args, count: Int(count)) else {
            return CallOutcome(JF_E_LIMIT, Self.tooManyArguments)
        }
        let waits = host.services.waits
        let own = thread?.strand
        guard let strand = method.strands.first(where: { strand in own.map { waits.begin($0, for: strand) } ?? true })
        else { return Self.deadlock(method) }
        defer { if let own { waits.end(own) } }
        let future = BlockingFuture<CallOutcome>()
        let call = ServiceCall(method, block, caller: self) { future.fulfil($0) }
        call.enqueue(on: strand)
        queued()
        isQueued = true
        if let outcome = future.wait(until: Clock.monotonicNanoseconds + Int64(timeout) * 1_000_000) { return outcome }
        let late = call.timedOut(after: timeout)
        // If it was settled meanwhile, its outcome is about to be in the future.
        return call.settle(late) ? late : future.wait(until: .max) ?? late
    }

    /// The outcome of a call that would never end.
    static func deadlock(_ method: ProvidedMethod) -> CallOutcome {
        CallOutcome(
            JF_E_DEADLOCK,
            "method '\(method.type.name)' of plugin '\(method.plugin.name)' would wait for the thread that calls it")
    }

    /// Calls a method through a binding that is not in the table: in a worker process all bindings are the daemon's.
    @inline(never)
    private func callDaemon(
        _ handle: jf_binding, _ number: UInt32, _ args: UnsafePointer<jf_value>?, _ count: UInt32, _ timeout: UInt32,
        _ result: UnsafeMutablePointer<jf_result>
    ) -> Int32 {
        guard let daemon else { return Self.fail(result, JF_E_GONE) }
        let outcome = daemon.call(handle, number, args, count, timeout)
        outcome.store(in: &result.pointee)
        return outcome.code
    }

    /// Calls a method, and calls `answer` with its outcome on this plugin's strand.
    func callAsync(
        _ handle: jf_binding, _ number: UInt32, _ args: UnsafePointer<jf_value>?, _ count: UInt32, _ timeout: UInt32,
        _ answer: PluginCall<jf_result_fn>
    ) throws(HostCallError) -> Int32 {
        if let problem = Self.problem(ofTimeout: timeout) { throw .invalid(problem) }
        guard let binding = bindings.find(handle)?.takeUnretainedValue() else { return JF_E_GONE }
        let counter = binding.enter()
        defer { binding.leave(counter) }
        guard binding.generation.load(ordering: .sequentiallyConsistent) == handle >> 16 else { return JF_E_GONE }
        guard let list = binding.currentTargets else { return host.services.absence(of: binding).code }
        guard number < list.pointee.count else { throw .invalid("the binding has no method \(number)") }
        let method = list.pointee.items[Int(number)].method.takeUnretainedValue()
        guard method.type.accepts(args, count) else {
            throw .invalid("method '\(method.type.name)': \(method.type.problem(args, count))")
        }
        let promise = promise { self.make(answer, CallOutcome(JF_E_GONE, "the plugin is stopping")) }
        guard promise.number != nil else { return promise.code }
        let finish: @Sendable (CallOutcome) -> Void = { self.deliver($0, to: answer, promise) }
        if method.run == .inline {
            finish(
                MethodRun.isTooDeep
                    ? MethodRun.tooDeep
                    : MethodRun.perform(
                        method, args: args, count: count, isTerminated: false, caller: callerText,
                        reply: ReplyToken(0)))
            return JF_OK
        }
        guard let block = ValueBlock(copying: args, count: Int(count)) else {
            // If it was claimed, the plugin is stopping and `answered` is called.
            guard claim(promise) else { return JF_OK }
            throw HostCallError(code: JF_E_LIMIT, problem: Self.tooManyArguments)
        }
        let call = ServiceCall(method, block, caller: self) { [host] outcome in
            host.timers.timerCancelled()
            finish(outcome)
        }
        // Before the call is queued, so that a call that is settled at once cancels it.
        host.timers.schedule(
            at: Clock.monotonicNanoseconds + Int64(timeout) * 1_000_000, isWanted: { !call.isSettled }
        ) {
            call.settle(call.timedOut(after: timeout))
        }
        call.enqueue(on: method.strands[0])
        return JF_OK
    }

    /// Queues the answer of an asynchronous call. It stays promised, and so counts against the limit of unanswered
    /// calls, until the strand has delivered it.
    private func deliver(_ outcome: CallOutcome, to answer: PluginCall<jf_result_fn>, _ promise: PromisedCall) {
        let isHeld = outcome.bytes == 0 || results.reserve(outcome.bytes, besides: 0)
        let outcome =
            isHeld
            ? outcome : CallOutcome(JF_E_LIMIT, "the results that wait for the plugin exceed limits.pluginResultBytes")
        let bytes = isHeld ? outcome.bytes : 0
        let task = StrandTask(
            .answer,
            run: {
                if self.claim(promise) { self.make(answer, outcome) }
                self.results.release(bytes)
            }, drop: { self.results.release(bytes) })
        // If the strand has ended, ``PendingCalls/close()`` has returned the promise.
        if !strand.enqueue(task, promised: true) { task.drop() }
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
