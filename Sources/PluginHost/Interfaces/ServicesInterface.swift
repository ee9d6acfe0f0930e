import CFunctionCall
import CJackfield
import Support

/// `jf.services/1`.
enum ServicesInterface {
    static var table: jf_services_api {
        jf_services_api(
            struct_size: UInt32(MemoryLayout<jf_services_api>.size), revision: 1,
            bind: { host, need, binding, error in
                binding?.pointee = 0
                return LoadedPlugin.serve(host, "bind", explainingTo: error) { (plugin) throws(HostCallError) in
                    guard let binding else { throw .invalid("binding is NULL") }
                    let need = try ServiceNeed(PluginMemory.read(need, "need"))
                    binding.pointee = try plugin.host.services.bind(need, for: plugin)
                    return JF_OK
                }
            },
            unbind: { host, binding in
                LoadedPlugin.serve(host, "unbind") { plugin in plugin.host.services.unbind(binding, of: plugin) }
            },
            status: { host, binding, status in
                status?.pointee = 0
                return LoadedPlugin.serve(host, "status") { (plugin) throws(HostCallError) in
                    guard let status else { throw .invalid("status is NULL") }
                    guard let found = plugin.bindings.find(binding)?.takeUnretainedValue(), found.handle == binding
                    else { return JF_E_GONE }
                    status.pointee = found.status.load(ordering: .acquiring)
                    return JF_OK
                }
            },
            call: { host, binding, method, args, count, timeout, result in
                LoadedPlugin.with(host) { $0.call(binding, method, args, count, timeout, result) }
            },
            call_async: { host, binding, method, args, count, timeout, answered, context in
                LoadedPlugin.serve(host, "call_async") { (plugin) throws(HostCallError) in
                    guard let answered else { throw .invalid("answered is NULL") }
                    let answer = PluginCall(function: answered, context: context)
                    return try plugin.callAsync(binding, method, args, count, timeout, answer)
                }
            },
            c_function: { host, binding, method, pointer, error in
                pointer?.pointee = nil
                return LoadedPlugin.serve(host, "c_function", explainingTo: error) { (plugin) throws(HostCallError) in
                    guard let pointer else { throw .invalid("pointer is NULL") }
                    pointer.pointee = try plugin.functions.function(binding, method, of: plugin)
                    return JF_OK
                }
            },
            release: { host, result in
                LoadedPlugin.with(host) { plugin in
                    guard let result else { return plugin.invalid("release", "result is NULL") }
                    CallOutcome.release(&result.pointee)
                    return JF_OK
                }
            },
            set_result: { host, call, value in
                LoadedPlugin.serve(host, "set_result") { (plugin) throws(HostCallError) in
                    try plugin.setResult(of: call, to: value)
                }
            },
            complete: { host, reply, code, value, message in
                LoadedPlugin.serve(host, "complete") { (plugin) throws(HostCallError) in
                    try plugin.complete(ReplyToken(reply), code, value, message)
                }
            })
    }
}

extension LoadedPlugin {
    /// As ``serve(_:_:_:)``, and writes the reason of a failure into the plugin's `jf_error`.
    static func serve(
        _ host: OpaquePointer?, _ function: StaticString, explainingTo error: UnsafeMutablePointer<jf_error>?,
        _ body: (LoadedPlugin) throws(HostCallError) -> Int32
    ) -> Int32 {
        if let plugin = from(host), !plugin.isServed {
            let problem = "\(function) may be called from the beginning of create until stop has returned"
            _ = jf_fail(error, JF_E_STATE, problem)
        }
        return serve(host, function) { (plugin) throws(HostCallError) in
            do throws(HostCallError) {
                return try body(plugin)
            } catch let failure {
                _ = jf_fail(error, failure.code, failure.problem)
                throw failure
            }
        }
    }

    /// Copies the result of the method that runs on this thread.
    fileprivate func setResult(
        of call: UnsafePointer<jf_call>?, to value: UnsafePointer<jf_value>?
    ) throws(HostCallError) -> Int32 {
        guard let call else { throw .invalid("call is NULL") }
        guard let value else { throw .invalid("value is NULL") }
        guard let frame = MethodRun.frames.pointee, frame.pointee.call == UnsafeRawPointer(call),
            let method = frame.pointee.method
        else { throw HostCallError(code: JF_E_STATE, problem: "call is not the method's that runs on this thread") }
        let type = Unmanaged<ProvidedMethod>.fromOpaque(method).takeUnretainedValue().type
        if let problem = type.problem(ofResult: value.pointee) {
            throw .invalid("method '\(type.name)': \(problem)")
        }
        guard let block = ValueBlock(copying: value, count: 1) else {
            throw HostCallError(code: JF_E_LIMIT, problem: "the result has more than \(ValueBlock.largest >> 20) MiB")
        }
        if let storage = frame.pointee.storage { Unmanaged<ValueBlock>.fromOpaque(storage).release() }
        call.pointee.result.pointee = block.values[0]
        frame.pointee.storage = Unmanaged.passRetained(block).toOpaque()
        return JF_OK
    }

    /// Answers a call whose reply was kept.
    fileprivate func complete(
        _ token: ReplyToken, _ code: Int32, _ value: UnsafePointer<jf_value>?, _ message: jf_text
    ) throws(HostCallError) -> Int32 {
        guard code <= 0 else { throw .invalid("code is \(code), and a failure is negative") }
        let text = try Self.bytes(message, "message", limit: Self.largestError)
        guard token.raw != 0, !token.isBorrowed else { return JF_E_GONE }
        switch tokens.complete(token, where: { if case .call = $0 { true } else { false } }) {
        case .entry(.call(let call)):
            guard code == JF_OK else {
                errors.count(.call)
                return call.settle(CallOutcome(code, String(decoding: text, as: UTF8.self))) ? JF_OK : JF_E_GONE
            }
            let value = value?.pointee ?? jf_none()
            if let problem = call.method.type.problem(ofResult: value) {
                errors.count(.call)
                call.settle(CallOutcome(JF_E_MISMATCH, "method '\(call.method.type.name)': \(problem)"))
                throw .invalid("method '\(call.method.type.name)': \(problem); the caller got JF_E_MISMATCH")
            }
            let outcome = CallOutcome(copying: value)
            return call.settle(outcome) ? outcome.code : JF_E_GONE
        case .elsewhere: return usedElsewhere()
        case .otherKind: throw .invalid("reply is no token of a service call")
        case .entry, .gone: return JF_E_GONE
        }
    }
}
