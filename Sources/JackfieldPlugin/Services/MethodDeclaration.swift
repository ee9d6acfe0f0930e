/// A method that the plugin provides, and the C function that all of them share.
final class MethodDeclaration {
    typealias Body = (any Plugin, JackfieldHost, UnsafePointer<jf_call>) throws -> Void

    private let signature: String
    private let run: MethodRun?
    private let body: Body

    init(signature: String, run: MethodRun?, body: @escaping Body) {
        self.signature = signature
        self.run = run
        self.body = body
    }

    /// Retained for ever, because the host may call the method for the life of the process.
    var declaration: jf_method_decl {
        jf_method_decl(
            signature: .immortal(signature), handler: Self.handler, c_function: nil, run: run?.code ?? JF_RUN_STRAND,
            reserved: 0, context: Unmanaged.passRetained(self).toOpaque())
    }

    private static let handler: jf_method_fn = { instance, call in
        guard let call, let context = call.pointee.context, let instance = Instance.of(instance) else {
            return JF_E_INVALID
        }
        return Unmanaged<MethodDeclaration>.fromOpaque(context).takeUnretainedValue().handle(call, instance)
    }

    private func handle(_ call: UnsafePointer<jf_call>, _ instance: Instance) -> Int32 {
        do {
            try body(instance.plugin, instance.host, call)
            return JF_OK
        } catch {
            if ServiceError.isInternal(error) { instance.host.log.error("method '\(signature)': \(error)") }
            let told = ServiceError(telling: error)
            return jf_fail(call.pointee.failure, told.code, told.message)
        }
    }
}

/// A service that the plugin provides.
final class ProvidedService {
    let name: String
    let major: UInt32
    let minor: UInt32
    var methods: [MethodDeclaration] = []

    init(name: String, major: UInt32, minor: UInt32) {
        self.name = name
        self.major = major
        self.minor = minor
    }

    var declaration: jf_service_decl {
        let list = Boundary.immortal(methods.map { $0.declaration })
        return jf_service_decl(
            name: .immortal(name), major: major, minor: minor,
            methods: jf_method_list(items: list.items, count: list.count, stride: list.stride))
    }
}

/// Where a method runs that does not run on the strand.
public enum MethodRun: Sendable, Equatable {
    /// Several calls at once, on the threads of ``Run/parallel``.
    case parallel
    /// On the caller's thread, several calls at once, also on event loops: the fastest call. The method must not block,
    /// neither for a lock nor for a file, and cannot answer later.
    case inline

    var code: UInt32 {
        switch self {
        case .parallel: JF_RUN_PARALLEL
        case .inline: JF_RUN_INLINE
        }
    }
}

extension JackfieldHost {
    /// Sets the result of the call that a method is handling. A value that points to memory is copied at once, since
    /// its memory is freed when this function returns.
    func setResult<Output: SignatureValue>(
        _ output: Output, as shape: SignatureShape, of call: UnsafePointer<jf_call>
    ) throws {
        var memory = ValueMemory()
        var value = try output.write(as: shape, to: &memory)
        if !value.hasMemory, let result = call.pointee.result {
            result.pointee = value
            return
        }
        try withExtendedLifetime(memory) {
            try check(services.set_result?(pointer, call, &value), "services.set_result")
        }
    }
}
