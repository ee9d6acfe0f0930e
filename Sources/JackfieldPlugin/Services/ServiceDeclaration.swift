/// The methods of a service that the plugin provides; see ``Declarations/service(_:version:_:_:)``.
///
/// The SDK derives the signature of a method from its Swift type (``SignatureValue``). A method that can throw is
/// declared `throws`, and its callers must expect that. A thrown ``ServiceError`` reaches the caller with code and
/// message, a ``Problem`` with its message; of other errors the caller learns only that the method failed.
///
/// A ``ServiceCaller`` parameter is the plugin that calls, and no argument.
public struct ServiceDeclaration<P: Plugin> {
    let service: ProvidedService
    let all: DeclaredParts

    // MARK: On the strand

    /// A method that needs no instance, on the strand: `$0.method("add") { (a: Double, b: Double) in a + b }`.
    ///
    /// - Parameter arguments: names of the arguments, for errors. Empty: they have none.
    @discardableResult
    public func method<each Parameter: MethodParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ body: @escaping (repeat each Parameter) throws(Failure) -> Output
    ) -> Self {
        add(name, arguments, nil, Failure.self, Output.self, list(of: repeat (each Parameter).self)) {
            _, host, call, result, reader in
            try host.setResult(body(repeat (each Parameter).read(from: &reader)), as: result, of: call)
        }
    }

    /// As above, without a result.
    @discardableResult
    public func method<each Parameter: MethodParameter, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ body: @escaping (repeat each Parameter) throws(Failure) -> Void
    ) -> Self {
        add(name, arguments, nil, Failure.self, nil, list(of: repeat (each Parameter).self)) { _, _, _, _, reader in
            try body(repeat (each Parameter).read(from: &reader))
        }
    }

    /// A method of the plugin, on the strand: `$0.method("add", Calculator.add)`.
    @discardableResult
    public func method<each Parameter: MethodParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ body: @escaping (P) -> (repeat each Parameter) throws(Failure) -> Output
    ) -> Self {
        add(name, arguments, nil, Failure.self, Output.self, list(of: repeat (each Parameter).self)) {
            plugin, host, call, result, reader in
            try host.setResult(body(plugin)(repeat (each Parameter).read(from: &reader)), as: result, of: call)
        }
    }

    /// As above, without a result.
    @discardableResult
    public func method<each Parameter: MethodParameter, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ body: @escaping (P) -> (repeat each Parameter) throws(Failure) -> Void
    ) -> Self {
        add(name, arguments, nil, Failure.self, nil, list(of: repeat (each Parameter).self)) {
            plugin, _, _, _, reader in
            try body(plugin)(repeat (each Parameter).read(from: &reader))
        }
    }

    // MARK: Elsewhere than on the strand

    /// A method that needs no instance, elsewhere than on the strand.
    @discardableResult
    public func method<each Parameter: MethodParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [], run: MethodRun,
        _ body: @escaping @Sendable (repeat each Parameter) throws(Failure) -> Output
    ) -> Self {
        add(name, arguments, run, Failure.self, Output.self, list(of: repeat (each Parameter).self)) {
            _, host, call, result, reader in
            try host.setResult(body(repeat (each Parameter).read(from: &reader)), as: result, of: call)
        }
    }

    /// As above, without a result.
    @discardableResult
    public func method<each Parameter: MethodParameter, Failure: Error>(
        _ name: String, arguments: [String] = [], run: MethodRun,
        _ body: @escaping @Sendable (repeat each Parameter) throws(Failure) -> Void
    ) -> Self {
        add(name, arguments, run, Failure.self, nil, list(of: repeat (each Parameter).self)) { _, _, _, _, reader in
            try body(repeat (each Parameter).read(from: &reader))
        }
    }

    /// A method of the plugin, elsewhere than on the strand.
    @discardableResult
    public func method<each Parameter: MethodParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [], run: MethodRun,
        _ body: @escaping @Sendable (P) -> (repeat each Parameter) throws(Failure) -> Output
    ) -> Self where P: Sendable {
        add(name, arguments, run, Failure.self, Output.self, list(of: repeat (each Parameter).self)) {
            plugin, host, call, result, reader in
            try host.setResult(body(plugin)(repeat (each Parameter).read(from: &reader)), as: result, of: call)
        }
    }

    /// As above, without a result.
    @discardableResult
    public func method<each Parameter: MethodParameter, Failure: Error>(
        _ name: String, arguments: [String] = [], run: MethodRun,
        _ body: @escaping @Sendable (P) -> (repeat each Parameter) throws(Failure) -> Void
    ) -> Self where P: Sendable {
        add(name, arguments, run, Failure.self, nil, list(of: repeat (each Parameter).self)) {
            plugin, _, _, _, reader in
            try body(plugin)(repeat (each Parameter).read(from: &reader))
        }
    }

    // MARK: Later

    /// A method of the plugin that answers later, on the strand. Its first parameter is the reply, which any thread
    /// completes once: `func load(_ reply: ServiceReply<Row>, id: String)`. Its signature is always `throws`, since
    /// ``ServiceReply/fail(_:)`` can fail it. If it throws, the call fails with the error.
    ///
    /// `Output` is a ``SignatureValue``, or `Void`.
    @discardableResult
    public func method<each Parameter: MethodParameter, Output: Sendable>(
        _ name: String, arguments: [String] = [],
        _ body: @escaping (P) -> (ServiceReply<Output>, repeat each Parameter) throws -> Void
    ) -> Self {
        addLater(name, arguments, nil, Output.self, list(of: repeat (each Parameter).self)) { plugin, reply, reader in
            try body(plugin)(reply, repeat (each Parameter).read(from: &reader))
        }
    }

    /// As above, by a closure that needs no instance.
    @discardableResult
    public func method<each Parameter: MethodParameter, Output: Sendable>(
        _ name: String, arguments: [String] = [],
        _ body: @escaping (ServiceReply<Output>, repeat each Parameter) throws -> Void
    ) -> Self {
        addLater(name, arguments, nil, Output.self, list(of: repeat (each Parameter).self)) { _, reply, reader in
            try body(reply, repeat (each Parameter).read(from: &reader))
        }
    }

    /// A method of the plugin that answers later, elsewhere than on the strand; not ``MethodRun/inline``.
    @discardableResult
    public func method<each Parameter: MethodParameter, Output: Sendable>(
        _ name: String, arguments: [String] = [], run: MethodRun,
        _ body: @escaping @Sendable (P) -> (ServiceReply<Output>, repeat each Parameter) throws -> Void
    ) -> Self where P: Sendable {
        addLater(name, arguments, run, Output.self, list(of: repeat (each Parameter).self)) { plugin, reply, reader in
            try body(plugin)(reply, repeat (each Parameter).read(from: &reader))
        }
    }

    /// As above, by a closure that needs no instance.
    @discardableResult
    public func method<each Parameter: MethodParameter, Output: Sendable>(
        _ name: String, arguments: [String] = [], run: MethodRun,
        _ body: @escaping @Sendable (ServiceReply<Output>, repeat each Parameter) throws -> Void
    ) -> Self {
        addLater(name, arguments, run, Output.self, list(of: repeat (each Parameter).self)) { _, reply, reader in
            try body(reply, repeat (each Parameter).read(from: &reader))
        }
    }

    // MARK: Declaring

    private func add(
        _ name: String, _ labels: [String], _ run: MethodRun?, _ failure: any Error.Type,
        _ output: (any SignatureValue.Type)?, _ types: [any Any.Type],
        _ body:
            @escaping (
                P, JackfieldHost, UnsafePointer<jf_call>, _ result: SignatureShape, inout MethodArgumentReader
            ) throws -> Void
    ) -> Self {
        guard let signature = derive(name, labels, failure != Never.self, output, types) else { return self }
        // A method without a result does not use the shape.
        let result = signature.result ?? .init(.record([]))
        append(signature.text(named: name), run) { plugin, host, call in
            guard let plugin = plugin as? P else { return }
            var reader = try MethodArgumentReader(call, signature)
            try body(plugin, host, call, result, &reader)
        }
        return self
    }

    private func addLater<Output>(
        _ name: String, _ labels: [String], _ run: MethodRun?, _ output: Output.Type, _ types: [any Any.Type],
        _ body: @escaping (P, ServiceReply<Output>, inout MethodArgumentReader) throws -> Void
    ) -> Self {
        let value = output as? any SignatureValue.Type
        guard value != nil || output == Void.self, run != .inline else {
            all.problems.append(
                value == nil && output != Void.self
                    ? "method '\(name)' of service '\(service.name)': \(output) is no SignatureValue"
                    : "method '\(name)' of service '\(service.name)' answers later, so it cannot run inline")
            return self
        }
        guard let signature = derive(name, labels, true, value, types) else { return self }
        append(signature.text(named: name), run) { plugin, host, call in
            guard let plugin = plugin as? P else { return }
            var reader = try MethodArgumentReader(call, signature)
            let reply = try ServiceReply<Output>(host, call, signature.result)
            do {
                try body(plugin, reply, &reader)
            } catch {
                // The token was kept, so the host ignores the result of the method.
                reply.fail(error)
            }
        }
        return self
    }

    private func append(_ signature: String, _ run: MethodRun?, _ body: @escaping MethodDeclaration.Body) {
        service.methods.append(MethodDeclaration(signature: signature, run: run, body: body))
    }

    /// nil: the signature cannot be derived, so the plugin is not loaded.
    private func derive(
        _ name: String, _ labels: [String], _ canThrow: Bool, _ output: (any SignatureValue.Type)?,
        _ types: [any Any.Type]
    ) -> DerivedSignature? {
        do {
            guard SignatureShape.isName(name) else {
                throw DerivationError("the name may have letters, digits and underscores only")
            }
            return try DerivedSignature(of: types, labels: labels, canThrow: canThrow, result: output)
        } catch {
            all.problems.append("method '\(name)' of service '\(service.name)': \(error)")
            return nil
        }
    }
}

extension Declarations {
    /// Provides a service, which other plugins bind with ``JackfieldHost/bind(_:version:_:_:)``. It is available from
    /// the end of ``Plugin/start()`` until the plugin is unloaded.
    ///
    /// ```swift
    /// io.service("calc", version: 1, 0) {
    ///     $0.method("add", run: .inline) { (a: Double, b: Double) in a + b }
    ///     $0.method("mean", Calculator.mean)
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - name: 1 to 64 of a-z, 0-9, '-' and '.'.
    ///   - major: 1 or higher. Another one may have other methods.
    ///   - minor: a higher one has more methods, and the others unchanged.
    public func service(
        _ name: String, version major: UInt32, _ minor: UInt32 = 0, _ methods: (ServiceDeclaration<P>) -> Void
    ) {
        let service = ProvidedService(name: name, major: major, minor: minor)
        all.services.append(service)
        methods(ServiceDeclaration(service: service, all: all))
    }
}
