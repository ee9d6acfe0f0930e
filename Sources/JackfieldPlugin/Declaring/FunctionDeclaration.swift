extension Declarations {
    /// A C function that answers an event of `/`: `double add(double, double)` acks `[3]` to `emit("calc:add", 1, 2,
    /// ack)`. The host checks the arguments, calls the function and sends its result; the function needs to know
    /// nothing of Jackfield. It runs on the strand.
    ///
    /// ```swift
    /// let pow: @convention(c) (Double, Double) -> Double = Glibc.pow
    /// io.function("calc:pow", "pow(x: f64, y: f64) -> f64", unsafeBitCast(pow, to: jf_fn.self))
    /// ```
    ///
    /// - Parameters:
    ///   - signature: describes the type of the function (`docs/signatures.md`). If it describes another type, the call
    ///     corrupts memory.
    ///   - function: must stay valid for the life of the process.
    public func function(_ name: String, _ signature: String, _ function: @escaping jf_fn) {
        root.function(name, signature, function)
    }

    /// As above, elsewhere than on the strand.
    public func function(_ name: String, _ signature: String, run: Run, _ function: @escaping jf_fn) {
        root.function(name, signature, run: run, function)
    }
}

extension NamespaceDeclaration {
    /// A C function that answers an event; see ``Declarations/function(_:_:_:)``.
    @discardableResult
    public func function(_ name: String, _ signature: String, _ function: @escaping jf_fn) -> Self {
        all.functions.append(FunctionDeclaration(hooks.name, name, signature, nil, function))
        return self
    }

    /// As above, elsewhere than on the strand.
    @discardableResult
    public func function(_ name: String, _ signature: String, run: Run, _ function: @escaping jf_fn) -> Self {
        all.functions.append(FunctionDeclaration(hooks.name, name, signature, run, function))
        return self
    }
}

/// A C function that answers an event.
struct FunctionDeclaration {
    private let namespace: String
    private let name: String
    private let signature: String
    private let run: Run?
    private let function: jf_fn

    init(_ namespace: String, _ name: String, _ signature: String, _ run: Run?, _ function: @escaping jf_fn) {
        self.namespace = namespace
        self.name = name
        self.signature = signature
        self.run = run
        self.function = function
    }

    var declaration: jf_function_decl {
        jf_function_decl(
            name: .immortal(name), signature: .immortal(signature), c_function: function,
            run: run?.code ?? JF_RUN_STRAND, reserved: 0, run_key: .immortal(run?.key ?? ""), nsp: .immortal(namespace))
    }
}
