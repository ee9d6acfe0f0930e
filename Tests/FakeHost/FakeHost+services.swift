import CJackfield

/// Services: the test plays other plugins, which provide services for the plugin, or call those that it provides.
extension FakeHost {
    // MARK: The test provides

    /// A failure that a method of the test returns.
    public struct Failure: Error, Sendable {
        public let code: Int32
        public let message: String

        public init(_ code: Int32, _ message: String = "") {
            self.code = code
            self.message = message
        }
    }

    public typealias Method = @Sendable ([Value]) throws(Failure) -> Value

    struct Service {
        let name: String
        let major: UInt32
        let minor: UInt32
        let methods: [(signature: String, body: Method)]
    }

    struct Need {
        let service: String
        let major: UInt32
        let minor: UInt32
        let methods: [String]
        let changed: jf_binding_fn?
        let context: UInt
    }

    /// Another plugin provides a service, and waiting bindings of the plugin heal. Signatures must be equal as texts.
    public func provide(
        _ name: String, _ major: UInt32, _ minor: UInt32, _ methods: [(signature: String, body: Method)]
    ) {
        with { $0.services.append(Service(name: name, major: major, minor: minor, methods: methods)) }
        notifyBindings(of: name)
    }

    /// The plugin that provides a service is unloaded.
    public func withdraw(_ name: String) {
        with { $0.services.removeAll { $0.name == name } }
        notifyBindings(of: name)
    }

    /// How many bindings the plugin has.
    public var bindingCount: Int { with { $0.bindings.count } }

    /// How many results of calls the plugin has not released.
    public var unreleasedResults: Int { with { $0.unreleased } }

    /// The timeout of the last call.
    public var lastTimeout: UInt32 { with { $0.lastTimeout } }

    private func notifyBindings(of name: String) {
        for (binding, need) in with({ $0.bindings.sorted { $0.key < $1.key } }) where need.service == name {
            let (code, message) = status(of: need)
            withTexts([message]) {
                need.changed?(instance, UnsafeMutableRawPointer(bitPattern: need.context), binding, code, $0[0])
            }
        }
    }

    private func status(of need: Need) -> (Int32, String) {
        guard let service = with({ $0.services.first { $0.name == need.service } }) else {
            return (JF_E_UNAVAILABLE, "")
        }
        guard service.major == need.major, service.minor >= need.minor else {
            return (JF_E_MISMATCH, "needs \(need.major).\(need.minor), provided \(service.major).\(service.minor)")
        }
        for method in need.methods where !service.methods.contains(where: { $0.signature == method }) {
            return (JF_E_MISMATCH, "needs \(method), provided \(service.methods.map(\.signature))")
        }
        return (JF_OK, "")
    }

    /// Calls a method of the test; a failure's code and message.
    private func callTest(_ binding: jf_binding, _ method: UInt32, _ args: [Value]) -> Result<Value, Failure> {
        guard let need = with({ $0.bindings[binding] }) else { return .failure(Failure(JF_E_GONE)) }
        let (code, message) = status(of: need)
        guard code == JF_OK else { return .failure(Failure(code, message)) }
        let services = with { $0.services }
        guard Int(method) < need.methods.count,
            let body = services.first(where: { $0.name == need.service })?.methods.first(where: {
                $0.signature == need.methods[Int(method)]
            })?.body
        else { return .failure(Failure(JF_E_INVALID)) }
        return Result { () throws(Failure) in try body(args) }
    }

    private static func result(_ outcome: Result<Value, Failure>, _ memory: FakeValueMemory) -> jf_result {
        var result = jf_result()
        result.struct_size = UInt32(MemoryLayout<jf_result>.size)
        switch outcome {
        case .success(let value): result.value = memory.value(value)
        case .failure(let failure):
            result.code = failure.code
            result.message = memory.text(failure.message)
        }
        return result
    }

    static var services: jf_services_api {
        var api = jf_services_api()
        api.bind = { pointer, need, binding, error in
            guard let need = need?.pointee else { return JF_E_INVALID }
            let host = FakeHost.of(pointer)
            let copy = Need(
                service: FakeHost.string(need.service), major: need.major, minor: need.minor,
                methods: FakeHost.strings(need.methods, need.method_count), changed: need.changed,
                context: UInt(bitPattern: need.context))
            let (code, message) = host.status(of: copy)
            if code == JF_E_MISMATCH { return jf_fail(error, code, message) }
            let number = host.number()
            host.with { $0.bindings[number] = copy }
            binding?.pointee = number
            return JF_OK
        }
        api.unbind = { host, binding in
            FakeHost.of(host).with { $0.bindings.removeValue(forKey: binding) == nil ? JF_E_GONE : JF_OK }
        }
        api.status = { pointer, binding, status in
            let host = FakeHost.of(pointer)
            guard let need = host.with({ $0.bindings[binding] }) else { return JF_E_GONE }
            status?.pointee = host.status(of: need).0
            return JF_OK
        }
        api.call = { pointer, binding, method, args, count, timeout, result in
            let host = FakeHost.of(pointer)
            host.with { $0.lastTimeout = timeout }
            let values = UnsafeBufferPointer(start: args, count: Int(count)).map { Value($0) }
            let memory = FakeValueMemory()
            result?.pointee = FakeHost.result(host.callTest(binding, method, values), memory)
            result?.pointee.storage = Unmanaged.passRetained(memory).toOpaque()
            host.with { $0.unreleased += 1 }
            return result?.pointee.code ?? JF_E_INVALID
        }
        api.release = { host, result in
            guard let storage = result?.pointee.storage else { return JF_E_INVALID }
            Unmanaged<FakeValueMemory>.fromOpaque(storage).release()
            result?.pointee.storage = nil
            FakeHost.of(host).with { $0.unreleased -= 1 }
            return JF_OK
        }
        api.call_async = { pointer, binding, method, args, count, timeout, answered, context in
            let host = FakeHost.of(pointer), number = UInt(bitPattern: context)
            host.with { $0.lastTimeout = timeout }
            let values = UnsafeBufferPointer(start: args, count: Int(count)).map { Value($0) }
            guard host.with({ $0.bindings[binding] != nil }) else { return JF_E_GONE }
            host.with {
                $0.queue.append {
                    let memory = FakeValueMemory()
                    var result = FakeHost.result(host.callTest(binding, method, values), memory)
                    withExtendedLifetime(memory) {
                        answered?(host.instance, UnsafeMutableRawPointer(bitPattern: number), &result)
                    }
                }
            }
            return JF_OK
        }
        api.c_function = { host, binding, method, pointer, error in
            guard FakeHost.of(host).with({ $0.bindings[binding] != nil }) else { return JF_E_GONE }
            guard method == 0 else { return jf_fail(error, JF_E_UNSUPPORTED, "a record has no form in C") }
            let add: @convention(c) (Double, Double) -> Double = { $0 + $1 }
            pointer?.pointee = unsafeBitCast(add, to: jf_fn.self)
            return JF_OK
        }
        api.set_result = { host, call, value in
            guard let call, let value else { return JF_E_INVALID }
            let copy = Value(value.pointee)
            FakeHost.of(host).with { $0.results[UInt(bitPattern: call)] = copy }
            return JF_OK
        }
        api.complete = { host, token, code, value, message in
            guard FakeHost.of(host).complete(token) else { return JF_E_GONE }
            FakeHost.of(host).record(
                .completed(token, code, value.map { Value($0.pointee) } ?? .none, FakeHost.string(message)))
            return JF_OK
        }
        return api
    }

    // MARK: The test calls

    /// The services that the plugin declares: `calc 1.0` and the signatures of its methods.
    public var provided: [(service: String, methods: [String])] {
        UnsafeBufferPointer(start: plugin.services.items, count: Int(plugin.services.count)).map { service in
            let methods = UnsafeBufferPointer(start: service.methods.items, count: Int(service.methods.count))
            return (
                "\(Self.string(service.name)) \(service.major).\(service.minor)",
                methods.map { Self.string($0.signature) }
            )
        }
    }

    /// What a call of the plugin's method returned.
    public struct Outcome: Equatable {
        public let code: Int32
        public let value: Value
        public let message: String
        /// Where the result comes later, in ``Act/completed(_:_:_:_:)``.
        public let reply: jf_token
        public let run: UInt32

        public init(_ code: Int32, _ value: Value, _ message: String = "", reply: jf_token = 0, run: UInt32 = 0) {
            self.code = code
            self.value = value
            self.message = message
            self.reply = reply
            self.run = run
        }
    }

    /// Another plugin calls a method of the plugin. nil: there is no such method.
    public func call(_ service: String, _ method: String, _ args: [Value] = [], by caller: String = "other") -> Outcome?
    {
        let services = UnsafeBufferPointer(start: plugin.services.items, count: Int(plugin.services.count))
        guard let found = services.first(where: { Self.string($0.name) == service }) else { return nil }
        let methods = UnsafeBufferPointer(start: found.methods.items, count: Int(found.methods.count))
        guard let declaration = methods.first(where: { Self.string($0.signature).hasPrefix(method + "(") }) else {
            return nil
        }
        let memory = FakeValueMemory()
        let token = declaration.run == JF_RUN_INLINE ? 0 : number()
        var result = jf_none()
        var failure = jf_error()
        failure.struct_size = UInt32(MemoryLayout<jf_error>.size)
        return withUnsafeMutablePointer(to: &result) { result in
            withUnsafeMutablePointer(to: &failure) { failure in
                var call = jf_call()
                call.struct_size = UInt32(MemoryLayout<jf_call>.size)
                call.arg_count = UInt32(args.count)
                call.args = memory.list(args)
                call.reply = token
                call.caller = memory.text(caller)
                call.context = declaration.context
                call.result = result
                call.failure = failure
                return withExtendedLifetime(memory) {
                    withUnsafePointer(to: &call) { call in
                        let code = declaration.handler?(instance, call) ?? JF_E_INVALID
                        let set = with { $0.results.removeValue(forKey: UInt(bitPattern: call)) }
                        return Outcome(
                            code, set ?? Value(result.pointee), Self.message(failure.pointee), reply: token,
                            run: declaration.run)
                    }
                }
            }
        }
    }
}
