/// A method of a service that the plugin has bound: `ServiceMethod<Double, Double, Double>` takes two numbers and
/// returns one, `ServiceMethod<String, Void>` takes a text and returns nothing.
///
/// A value that you may keep, copy and send to other threads.
public struct ServiceMethod<each Argument: SignatureValue, Output: Sendable>: Sendable {
    let core: BindingCore
    private let name: String
    private let index: UInt32
    private let parameters: [SignatureShape]
    private let read: @Sendable (jf_value) throws -> Output
    private var timeoutMilliseconds: UInt32 = 30_000

    init(
        core: BindingCore, name: String, index: UInt32, parameters: [SignatureShape],
        read: @escaping @Sendable (jf_value) throws -> Output
    ) {
        self.core = core
        self.name = name
        self.index = index
        self.parameters = parameters
        self.read = read
    }

    /// How long a call waits, in milliseconds (1 to 3,600,000); without it 30,000. A method that runs inline ignores
    /// it.
    public func timeout(_ milliseconds: UInt32) -> ServiceMethod {
        var copy = self
        copy.timeoutMilliseconds = milliseconds
        return copy
    }

    /// Calls the method and waits for its result. A method that is declared ``MethodRun/inline`` runs on the calling
    /// thread. For another one the thread blocks: not on an event loop (``Run/inline``), where the call throws
    /// `JF_E_STATE`.
    ///
    /// Throws ``ServiceError``: the failure of the method, or `JF_E_UNAVAILABLE` (no provider), `JF_E_DEADLOCK` (the
    /// provider waits for this thread), `JF_E_TIMEOUT` (the method may still run), `JF_E_LIMIT` (the provider's queue
    /// is full), `JF_E_GONE` (the binding was ended).
    public func callAsFunction(_ arguments: repeat each Argument) throws(ServiceError) -> Output {
        let host = core.host
        var result = jf_result()
        result.struct_size = UInt32(MemoryLayout<jf_result>.size)
        defer { if result.storage != nil { _ = host.services.release?(host.pointer, &result) } }
        let code = try withValues(repeat each arguments) { values, count in
            host.services.call?(host.pointer, core.binding, index, values, count, timeoutMilliseconds, &result)
        }
        return try output(code ?? JF_E_UNSUPPORTED, result)
    }

    /// Calls the method without blocking a thread. It may resume on any thread; ``JackfieldHost/onStrand(_:_:)`` runs a
    /// closure on the strand. Throws as the call that waits, without `JF_E_DEADLOCK` and `JF_E_STATE`.
    public func callAsFunction(_ arguments: repeat each Argument) async throws -> Output {
        let values = try encode(repeat each arguments)
        return try await withCheckedThrowingContinuation { continuation in
            do {
                try send(values) { _, result in continuation.resume(with: result) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Calls the method without waiting. `answered` runs once, on this plugin's strand, with the result or with a
    /// ``ServiceError`` as of a call that waits. Any thread; does not block.
    ///
    /// Throws ``ServiceError`` if the call was not made: `JF_E_UNAVAILABLE`, `JF_E_LIMIT` (also if this plugin waits
    /// for 65,536 answers), `JF_E_GONE`. `answered` is not called then.
    public func call(
        _ arguments: repeat each Argument, answered: @escaping @Sendable (Result<Output, ServiceError>) -> Void
    ) throws(ServiceError) {
        try send(encode(repeat each arguments)) { _, result in answered(result) }
    }

    /// As above, with the plugin's instance: `calc.add.call(1, 2, answered: Shop.self) { shop, result in … }`.
    public func call<P: Plugin>(
        _ arguments: repeat each Argument, answered type: P.Type,
        _ body: @escaping @Sendable (P, Result<Output, ServiceError>) -> Void
    ) throws(ServiceError) {
        try send(encode(repeat each arguments)) { plugin, result in
            if let plugin = plugin as? P { body(plugin, result) }
        }
    }

    /// A C function pointer of the method's own type (`docs/signatures.md`), to be cast with `unsafeBitCast`: for C
    /// code that the plugin contains. It is valid for the life of the process, from any thread, and calls whichever
    /// plugin provides the service at that moment, with a timeout of 30 s. If a call fails, a function whose signature
    /// has `throws` returns the code; any other returns 0, and the log says why.
    ///
    /// Throws ``ServiceError``: `JF_E_UNSUPPORTED` if the type has no form in C, `JF_E_LIMIT` if the plugin has 4,096
    /// function pointers, `JF_E_GONE` if the binding was ended. Any thread; does not block.
    public func cFunction() throws(ServiceError) -> jf_fn {
        var function: jf_fn?
        let error = FilledError()
        let code =
            error.fill { core.host.services.c_function?(core.host.pointer, core.binding, index, &function, $0) }
            ?? JF_E_UNSUPPORTED
        guard code == JF_OK, let function else {
            throw core.failure(code == JF_OK ? JF_E_FAILED : code, error.message, of: place)
        }
        return function
    }

    // MARK: Calling

    /// The values of a call, and the memory behind them.
    private struct Arguments {
        var memory = ValueMemory()
        var values: [jf_value] = []
    }

    private func encode(_ arguments: repeat each Argument) throws(ServiceError) -> Arguments {
        var encoded = Arguments()
        for argument in repeat each arguments {
            encoded.values.append(try encode(argument, encoded.values.count, &encoded.memory))
        }
        return encoded
    }

    private func encode<T: SignatureValue>(
        _ argument: T, _ index: Int, _ memory: inout ValueMemory
    ) throws(ServiceError) -> jf_value {
        do {
            return try argument.write(as: parameters[index], to: &memory)
        } catch {
            throw core.failure(JF_E_INVALID, "argument \(index) cannot be encoded: \(error)", of: place)
        }
    }

    /// Passes the values of a call to `body`, on the stack, valid until `body` returns.
    private func withValues(
        _ arguments: repeat each Argument, body: (UnsafePointer<jf_value>?, UInt32) -> Int32?
    ) throws(ServiceError) -> Int32? {
        var memory = ValueMemory()
        var failure: ServiceError?
        let code: Int32? = withUnsafeTemporaryAllocation(of: jf_value.self, capacity: parameters.count) { values in
            var count = 0
            do throws(ServiceError) {
                for argument in repeat each arguments {
                    values.initializeElement(at: count, to: try encode(argument, count, &memory))
                    count += 1
                }
            } catch {
                failure = error
                return nil
            }
            return body(UnsafePointer(values.baseAddress), UInt32(count))
        }
        if let failure { throw failure }
        return withExtendedLifetime(memory) { code }
    }

    private func output(_ code: Int32, _ result: jf_result) throws(ServiceError) -> Output {
        guard code == JF_OK else { throw core.failure(code, String(result.message), of: place) }
        do {
            return try read(result.value)
        } catch let error as DecodingError {
            throw core.failure(JF_E_MISMATCH, JSON.words(for: error, named: "the result"), of: place)
        } catch {
            throw core.failure(JF_E_MISMATCH, "the result is wrong: \(error)", of: place)
        }
    }

    private func send(
        _ arguments: Arguments, _ answered: @escaping @Sendable (any Plugin, Result<Output, ServiceError>) -> Void
    ) throws(ServiceError) {
        let context = CallbackBox<UnsafePointer<jf_result>> { plugin, _, result in
            answered(plugin, Result { () throws(ServiceError) in try output(result.pointee.code, result.pointee) })
        }.retained()
        let code = arguments.values.withUnsafeBufferPointer { values in
            core.host.services.call_async?(
                core.host.pointer, core.binding, index, values.baseAddress, UInt32(values.count), timeoutMilliseconds,
                BindingCore.answered, context)
        }
        withExtendedLifetime(arguments.memory) {}
        guard code == JF_OK else {
            CallbackBox<UnsafePointer<jf_result>>.discard(context)
            throw core.failure(code ?? JF_E_UNSUPPORTED, "", of: place)
        }
    }

    private var place: String { "\(core.service).\(name)" }
}
