/// Handlers with typed parameters. The SDK derives the signature of each from its Swift type.
extension NamespaceDeclaration {
    /// An event whose handler has typed parameters, handled on the strand.
    ///
    /// ```swift
    /// io.on("add") { (a: Double, b: Double) in a + b }                              // (f64, f64) -> f64
    /// io.on("rename", arguments: ["title"], Board.rename)                           // (title: string) throws
    /// io.on("enter") { (socket: Socket, room: String?) in _ = try socket.join(room ?? "lobby") }  // (string?) throws
    /// ```
    ///
    /// The signature says which types the arguments and the ack have (``SignatureValue``): the host refuses other
    /// arguments, and client types are generated from it. A ``Socket`` parameter is the sender and no argument. The
    /// result is the only argument of the ack; without a result the ack has none. The value of a closure's only
    /// expression is its result, so write `_ =` before one that is not meant. If the handler can throw, the signature
    /// has `throws`; see ``Problem`` for what the client gets.
    ///
    /// If a type has no signature, the plugin is not loaded, and the log says why.
    ///
    /// - Parameter arguments: names of the arguments, for errors and for generated types. Empty: they have none.
    @discardableResult
    public func on<each Parameter: EventParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ handler: @escaping (repeat each Parameter) throws(Failure) -> Output
    ) -> Self {
        typed(name, arguments, nil, Failure.self, Output.self, repeat (each Parameter).self) { _, event, reader in
            try event.ack(handler(repeat (each Parameter).read(from: &reader)))
        }
    }

    /// As above, without a result.
    @discardableResult
    public func on<each Parameter: EventParameter, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ handler: @escaping (repeat each Parameter) throws(Failure) -> Void
    ) -> Self {
        typed(name, arguments, nil, Failure.self, nil, repeat (each Parameter).self) { _, event, reader in
            try handler(repeat (each Parameter).read(from: &reader))
            try event.ack()
        }
    }

    /// As above, by a method of the plugin: `io.on("add", Calculator.add)`.
    @discardableResult
    public func on<each Parameter: EventParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ handler: @escaping (P) -> (repeat each Parameter) throws(Failure) -> Output
    ) -> Self {
        typed(name, arguments, nil, Failure.self, Output.self, repeat (each Parameter).self) { plugin, event, reader in
            try event.ack(handler(plugin)(repeat (each Parameter).read(from: &reader)))
        }
    }

    /// As above, by a method of the plugin without a result.
    @discardableResult
    public func on<each Parameter: EventParameter, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ handler: @escaping (P) -> (repeat each Parameter) throws(Failure) -> Void
    ) -> Self {
        typed(name, arguments, nil, Failure.self, nil, repeat (each Parameter).self) { plugin, event, reader in
            try handler(plugin)(repeat (each Parameter).read(from: &reader))
            try event.ack()
        }
    }

    // MARK: Elsewhere than on the strand

    /// As above, handled elsewhere than on the strand.
    @discardableResult
    public func on<each Parameter: EventParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [], run: Run,
        _ handler: @escaping @Sendable (repeat each Parameter) throws(Failure) -> Output
    ) -> Self {
        typed(name, arguments, run, Failure.self, Output.self, repeat (each Parameter).self) { _, event, reader in
            try event.ack(handler(repeat (each Parameter).read(from: &reader)))
        }
    }

    /// As above, without a result, handled elsewhere than on the strand.
    @discardableResult
    public func on<each Parameter: EventParameter, Failure: Error>(
        _ name: String, arguments: [String] = [], run: Run,
        _ handler: @escaping @Sendable (repeat each Parameter) throws(Failure) -> Void
    ) -> Self {
        typed(name, arguments, run, Failure.self, nil, repeat (each Parameter).self) { _, event, reader in
            try handler(repeat (each Parameter).read(from: &reader))
            try event.ack()
        }
    }

    /// As above, by a method of the plugin, handled elsewhere than on the strand.
    @discardableResult
    public func on<each Parameter: EventParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [], run: Run,
        _ handler: @escaping @Sendable (P) -> (repeat each Parameter) throws(Failure) -> Output
    ) -> Self where P: Sendable {
        typed(name, arguments, run, Failure.self, Output.self, repeat (each Parameter).self) { plugin, event, reader in
            try event.ack(handler(plugin)(repeat (each Parameter).read(from: &reader)))
        }
    }

    /// As above, by a method of the plugin without a result, handled elsewhere than on the strand.
    @discardableResult
    public func on<each Parameter: EventParameter, Failure: Error>(
        _ name: String, arguments: [String] = [], run: Run,
        _ handler: @escaping @Sendable (P) -> (repeat each Parameter) throws(Failure) -> Void
    ) -> Self where P: Sendable {
        typed(name, arguments, run, Failure.self, nil, repeat (each Parameter).self) { plugin, event, reader in
            try handler(plugin)(repeat (each Parameter).read(from: &reader))
            try event.ack()
        }
    }

    // MARK: Emitting

    /// Declares an event that the plugin emits to this namespace, for generated client types. With `contracts: strict`
    /// in the host's configuration, an emit with other arguments throws ``HostError`` with `JF_E_INVALID`.
    ///
    /// - Parameter signature: the types of the arguments: `(message: {id: string, body: string})`.
    @discardableResult
    public func emits(_ name: String, _ signature: String) -> Self {
        all.emits.append(EmittedEvent(namespace: hooks.name, name: name, signature: signature))
        return self
    }

    /// As above, with the types of the arguments: `io.emits("room:joined", Change.self)`. If a type has no signature,
    /// the plugin is not loaded, and the log says why.
    ///
    /// - Parameter arguments: names of the arguments, for generated types. Empty: they have none.
    @discardableResult
    public func emits<each Argument: SignatureValue>(
        _ name: String, arguments: [String] = [], _ types: repeat (each Argument).Type
    ) -> Self {
        let signature = derive("the emitted event", name, list(of: repeat each types), arguments, false, nil)
        return emits(name, signature?.text() ?? "")
    }

    // MARK: Signatures

    private func typed<each Parameter: EventParameter>(
        _ name: String, _ labels: [String], _ run: Run?, _ failure: any Error.Type,
        _ output: (any SignatureValue.Type)?, _ types: repeat (each Parameter).Type,
        body: @escaping (P, borrowing Event, inout EventArgumentReader) throws -> Void
    ) -> Self {
        let types = list(of: repeat each types)
        let signature = derive("the event", name, types, labels, failure != Never.self, output)
        let argumentCount = signature?.parameters.count ?? 0
        return add(name, signature?.text() ?? "", run, 0) { plugin, socket, event in
            guard let plugin = plugin as? P else { return }
            var reader = try EventArgumentReader(event, socket, argumentCount: argumentCount, labels: labels)
            try body(plugin, event, &reader)
        }
    }

    /// nil: a type has no signature, so the plugin is not loaded.
    private func derive(
        _ what: StaticString, _ name: String, _ types: [any Any.Type], _ labels: [String], _ canThrow: Bool,
        _ output: (any SignatureValue.Type)?
    ) -> DerivedSignature? {
        do {
            return try DerivedSignature(of: types, labels: labels, canThrow: canThrow, result: output)
        } catch {
            all.problems.append("\(what) '\(name)': \(error)")
            return nil
        }
    }
}

/// An event that the plugin emits.
struct EmittedEvent {
    let namespace: String
    let name: String
    let signature: String

    var declaration: jf_emit_decl {
        jf_emit_decl(name: .immortal(name), signature: .immortal(signature), nsp: .immortal(namespace))
    }
}
