/// Handlers with typed parameters, and emitted events, of the namespace `/`.
extension Declarations {
    /// An event of `/` whose handler has typed parameters, handled on the strand.
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
    public func on<each Parameter: EventParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ handler: @escaping (repeat each Parameter) throws(Failure) -> Output
    ) {
        root.on(name, arguments: arguments, handler)
    }

    /// As above, without a result.
    public func on<each Parameter: EventParameter, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ handler: @escaping (repeat each Parameter) throws(Failure) -> Void
    ) {
        root.on(name, arguments: arguments, handler)
    }

    /// As above, by a method of the plugin: `io.on("add", Calculator.add)`.
    public func on<each Parameter: EventParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ handler: @escaping (P) -> (repeat each Parameter) throws(Failure) -> Output
    ) {
        root.on(name, arguments: arguments, handler)
    }

    /// As above, by a method of the plugin without a result.
    public func on<each Parameter: EventParameter, Failure: Error>(
        _ name: String, arguments: [String] = [],
        _ handler: @escaping (P) -> (repeat each Parameter) throws(Failure) -> Void
    ) {
        root.on(name, arguments: arguments, handler)
    }

    /// As above, handled elsewhere than on the strand.
    public func on<each Parameter: EventParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [], run: Run,
        _ handler: @escaping @Sendable (repeat each Parameter) throws(Failure) -> Output
    ) {
        root.on(name, arguments: arguments, run: run, handler)
    }

    /// As above, without a result, handled elsewhere than on the strand.
    public func on<each Parameter: EventParameter, Failure: Error>(
        _ name: String, arguments: [String] = [], run: Run,
        _ handler: @escaping @Sendable (repeat each Parameter) throws(Failure) -> Void
    ) {
        root.on(name, arguments: arguments, run: run, handler)
    }

    /// As above, by a method of the plugin, handled elsewhere than on the strand.
    public func on<each Parameter: EventParameter, Output: SignatureValue, Failure: Error>(
        _ name: String, arguments: [String] = [], run: Run,
        _ handler: @escaping @Sendable (P) -> (repeat each Parameter) throws(Failure) -> Output
    ) where P: Sendable {
        root.on(name, arguments: arguments, run: run, handler)
    }

    /// As above, by a method of the plugin without a result, handled elsewhere than on the strand.
    public func on<each Parameter: EventParameter, Failure: Error>(
        _ name: String, arguments: [String] = [], run: Run,
        _ handler: @escaping @Sendable (P) -> (repeat each Parameter) throws(Failure) -> Void
    ) where P: Sendable {
        root.on(name, arguments: arguments, run: run, handler)
    }

    /// Declares an event that the plugin emits to `/`; see ``NamespaceDeclaration/emits(_:_:)``.
    public func emits(_ name: String, _ signature: String) { root.emits(name, signature) }

    /// Declares an event that the plugin emits to `/`, with the types of its arguments: `io.emits("room:joined",
    /// Change.self)`.
    public func emits<each Argument: SignatureValue>(
        _ name: String, arguments: [String] = [], _ types: repeat (each Argument).Type
    ) {
        root.emits(name, arguments: arguments, repeat each types)
    }
}
