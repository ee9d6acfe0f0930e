import CJackfield
import Isolation
import Support

/// Calls between plugins, of which one or both run in a worker.
extension RemoteCall {
    func performServices(_ reader: inout WireReader) throws(MalformedMessage) {
        let services = HostTables.services
        switch kind {
        case .bind:
            let need = try reader.flag() ? try need(&reader) : nil
            try reader.finish()
            bind(need)
        case .unbind:
            let binding = try reader.integer(UInt64.self)
            try reader.finish()
            reply(services.unbind(host, binding))
        case .bindingStatus:
            let binding = try reader.integer(UInt64.self)
            try reader.finish()
            var status: Int32 = 0
            let code = services.status(host, binding, &status)
            reply(code, status)
        case .call:
            let binding = try reader.integer(UInt64.self)
            let method = try reader.integer(UInt32.self)
            let args = try reader.values()
            let timeout = try reader.integer(UInt32.self)
            let lane = Int(try reader.integer(UInt16.self))
            try reader.finish()
            call(binding, method, args, timeout, lane: lane)
        case .callAsync:
            let binding = try reader.integer(UInt64.self)
            let method = try reader.integer(UInt32.self)
            let args = try reader.values()
            let timeout = try reader.integer(UInt32.self)
            let context = IsolatedPlugin.context(try reader.integer(), of: worker)
            try reader.finish()
            reply(
                services.call_async(
                    host, binding, method, args.items, args.count, timeout,
                    context == nil ? nil : IsolatedPlugin.result,
                    context))
        default:
            let (token, refusal) = try token(&reader)
            let code = try reader.integer(Int32.self)
            let hasValue = try reader.flag()
            let value = reader.arena.allocate(jf_value.self, 1)
            value.initialize(to: hasValue ? try reader.value() : jf_none())
            let message = try reader.text()
            try reader.finish()
            reply(refusal ?? services.complete(host, token, code, hasValue ? UnsafePointer(value) : nil, message))
        }
    }

    private func need(_ reader: inout WireReader) throws(MalformedMessage) -> jf_need {
        try reader.need(IsolatedPlugin.changed) { IsolatedPlugin.context($0, of: worker) }
    }

    private func bind(_ need: jf_need?) {
        var error = jf_error.sized
        var binding: jf_binding = 0
        let code: Int32
        if var need {
            code = HostTables.services.bind(host, &need, &binding, &error)
        } else {
            code = HostTables.services.bind(host, nil, &binding, &error)
        }
        var result = WireWriter()
        result.integer(binding)
        result.data(error.text.utf8)
        reply(code, result)
    }

    /// A thread of the worker that has no strand, in messages.
    static let noLane = Int(UInt16.max)

    /// Calls a method; the worker's thread waits for the reply.
    private func call(
        _ binding: jf_binding, _ method: UInt32, _ args: (items: UnsafePointer<jf_value>?, count: UInt32),
        _ timeout: UInt32, lane: Int
    ) {
        let strands = isolated.plugin.allStrands
        isolated.plugin.call(
            binding, method, args.items, args.count, timeout, from: strands.indices.contains(lane) ? strands[lane] : nil
        ) { outcome in
            var raw = jf_result.sized
            outcome.store(in: &raw)
            var result = WireWriter()
            result.result(raw)
            CallOutcome.release(&raw)
            reply(outcome.code, result)
        }
    }
}

extension LoadedPlugin {
    /// Calls a method for a thread of the plugin's worker. Does what ``call(_:_:_:_:_:_:)`` does, but does not wait.
    ///
    /// - Parameters:
    ///   - strand: the one that waits for the outcome in the worker; nil: another thread of the plugin.
    ///   - completion: called once, on any thread.
    func call(
        _ handle: jf_binding, _ number: UInt32, _ args: UnsafePointer<jf_value>?, _ count: UInt32, _ timeout: UInt32,
        from strand: Strand?, completion: @escaping @Sendable (CallOutcome) -> Void
    ) {
        guard isServed else { return completion(CallOutcome(JF_E_STATE)) }
        guard let binding = bindings.find(handle)?.takeUnretainedValue() else {
            return completion(CallOutcome(JF_E_GONE))
        }
        let counter = binding.enter()
        // Leaves when the call is queued, so that `stop` of the provider comes after it.
        defer { binding.leave(counter) }
        guard binding.generation.load(ordering: .sequentiallyConsistent) == handle >> 16 else {
            return completion(CallOutcome(JF_E_GONE))
        }
        guard let list = binding.currentTargets else { return completion(host.services.absence(of: binding)) }
        guard number < list.pointee.count else {
            return completion(CallOutcome(JF_E_INVALID, "the binding has no method \(number)"))
        }
        let method = list.pointee.items[Int(number)].method.takeUnretainedValue()
        guard method.type.accepts(args, count) else {
            let problem = "method '\(method.type.name)': \(method.type.problem(args, count))"
            return completion(CallOutcome(JF_E_INVALID, problem))
        }
        guard method.run != .inline else {
            return completion(
                MethodRun.perform(
                    method, args: args, count: count, isTerminated: false, caller: callerText, reply: ReplyToken(0)))
        }
        queue(method, args, count, timeout, from: strand, completion)
    }

    private func queue(
        _ method: ProvidedMethod, _ args: UnsafePointer<jf_value>?, _ count: UInt32, _ timeout: UInt32,
        from strand: Strand?, _ completion: @escaping @Sendable (CallOutcome) -> Void
    ) {
        if let problem = Self.problem(ofTimeout: timeout) { return completion(CallOutcome(JF_E_INVALID, problem)) }
        guard let block = ValueBlock(copying: args, count: Int(count)) else {
            return completion(CallOutcome(JF_E_LIMIT, Self.tooManyArguments))
        }
        let waits = host.services.waits
        guard
            let target = method.strands.first(where: { target in
                strand.map { waits.begin($0, for: target) } ?? true
            })
        else { return completion(Self.deadlock(method)) }
        let call = ServiceCall(method, block, caller: self) { [host] outcome in
            if let strand { waits.end(strand) }
            host.timers.timerCancelled()
            completion(outcome)
        }
        host.timers.schedule(
            at: Clock.monotonicNanoseconds + Int64(timeout) * 1_000_000, isWanted: { !call.isSettled }
        ) {
            call.settle(call.timedOut(after: timeout))
        }
        call.enqueue(on: target)
    }
}
