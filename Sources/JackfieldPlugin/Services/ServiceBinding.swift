import Synchronization

/// The use of another plugin's service, made with ``JackfieldHost/bind(_:version:_:_:)``. Its methods are members:
/// `try calc.add(1, 2)`. One that is named like a member of this type is reached through ``methods``.
///
/// The binding ends with the last copy of it and of its methods, or with ``unbind()``. It survives a reload of the
/// provider. A value that you may keep, copy and send to other threads.
@dynamicMemberLookup
public struct ServiceBinding<Methods: Sendable>: Sendable {
    /// What the closure of `bind` returned.
    public let methods: Methods
    let core: BindingCore

    public subscript<Member>(dynamicMember path: KeyPath<Methods, Member>) -> Member { methods[keyPath: path] }

    /// Whether calls reach a provider now. Any thread; does not block.
    public var isAvailable: Bool { core.isAvailable }

    /// Ends the binding: later calls throw ``ServiceError`` with `JF_E_GONE`. Any thread; does not block.
    public func unbind() { core.unbind() }
}

/// Whether calls of a binding reach a provider.
public enum ServiceStatus: Sendable, Equatable {
    /// Calls reach a provider.
    case available
    /// No plugin provides the service now. Calls throw ``ServiceError`` with `JF_E_UNAVAILABLE`.
    case unavailable
    /// A plugin provides the service, but its version or a signature differs; the text says what.
    case mismatch(String)

    init(_ code: Int32, _ message: jf_text) {
        self =
            switch code {
            case JF_OK: .available
            case JF_E_MISMATCH: .mismatch(String(message))
            default: .unavailable
            }
    }
}

/// Lists the methods that a plugin needs of a service, inside the closure of ``JackfieldHost/bind(_:version:_:_:)``.
public final class ServiceMethods {
    let core: BindingCore
    private(set) var signatures: [String] = []
    /// The first method whose signature cannot be derived.
    private(set) var problem: String?

    init(core: BindingCore) { self.core = core }

    /// A method with a result. Its types are those of the ``ServiceMethod`` that the call is assigned to.
    ///
    /// - Parameter throwing: whether the provider declares it `throws`, as the SDK does for a method that can throw.
    ///   The two must agree. Each call can throw in any case.
    public func method<each Argument: SignatureValue, Output: SignatureValue>(
        _ name: String, throwing: Bool = false
    ) -> ServiceMethod<repeat each Argument, Output> {
        let (index, signature) = add(name, throwing, list(of: repeat (each Argument).self), Output.self)
        let result = signature?.result ?? .init(.json)
        return ServiceMethod(core: core, name: name, index: index, parameters: signature?.parameters ?? []) {
            try Output.read($0, as: result)
        }
    }

    /// A method without a result.
    public func method<each Argument: SignatureValue>(
        _ name: String, throwing: Bool = false
    ) -> ServiceMethod<repeat each Argument, Void> {
        let (index, signature) = add(name, throwing, list(of: repeat (each Argument).self), nil)
        return ServiceMethod(core: core, name: name, index: index, parameters: signature?.parameters ?? []) { _ in }
    }

    private func add(
        _ name: String, _ canThrow: Bool, _ types: [any Any.Type], _ output: (any SignatureValue.Type)?
    ) -> (index: UInt32, signature: DerivedSignature?) {
        let index = UInt32(signatures.count)
        do {
            let signature = try DerivedSignature(of: types, labels: [], canThrow: canThrow, result: output)
            signatures.append(signature.text(named: name))
            return (index, signature)
        } catch {
            problem = problem ?? "method '\(name)': \(error)"
            signatures.append(name)
            return (index, nil)
        }
    }
}

extension JackfieldHost {
    /// Binds a service of another plugin. It need not be provided yet: until it is, calls throw ``ServiceError`` with
    /// `JF_E_UNAVAILABLE`. Any thread, from the beginning of the plugin's `init`; does not block.
    ///
    /// ```swift
    /// struct Calc {
    ///     let add: ServiceMethod<Double, Double, Double>      // add(f64, f64) -> f64
    ///     let log: ServiceMethod<String, Void>                // log(string)
    /// }
    ///
    /// let calc = try host.bind("calc", version: 1, 0) {
    ///     Calc(add: $0.method("add"), log: $0.method("log"))
    /// }
    /// let sum = try calc.add(1, 2)
    /// ```
    ///
    /// Throws ``ServiceError``: `JF_E_MISMATCH` if the service is provided, but its version or a signature differs (the
    /// message has both signatures), `JF_E_LIMIT` if the plugin has 1,024 bindings, `JF_E_INVALID` if the signature of
    /// a method cannot be derived, `JF_E_UNSUPPORTED` if the host has no services.
    ///
    /// - Parameters:
    ///   - major: the major version, exactly.
    ///   - minor: the lowest minor version.
    ///   - methods: lists the methods, at most 256, and returns them. Called once, before `bind` returns.
    public func bind<Methods: Sendable>(
        _ service: String, version major: UInt32, _ minor: UInt32 = 0, _ methods: (ServiceMethods) -> Methods
    ) throws(ServiceError) -> ServiceBinding<Methods> {
        try bind(service, major, minor, nil, methods)
    }

    /// As above. `changed` is called on the strand, with the plugin's instance, when the provider appears or is gone.
    /// A binding begins without a provider, so the first call has ``ServiceStatus/available`` or
    /// ``ServiceStatus/mismatch(_:)``.
    public func bind<Methods: Sendable, P: Plugin>(
        _ service: String, version major: UInt32, _ minor: UInt32 = 0,
        onChange changed: @escaping @Sendable (P, ServiceStatus) -> Void, _ methods: (ServiceMethods) -> Methods
    ) throws(ServiceError) -> ServiceBinding<Methods> {
        try bind(
            service, major, minor,
            { plugin, status in
                if let plugin = plugin as? P { changed(plugin, status) }
            }, methods)
    }

    private func bind<Methods>(
        _ service: String, _ major: UInt32, _ minor: UInt32, _ changed: BindingTable.Changed?,
        _ methods: (ServiceMethods) -> Methods
    ) throws(ServiceError) -> ServiceBinding<Methods> {
        let core = BindingCore(host: self, service: service, changed: changed)
        let list = ServiceMethods(core: core)
        let result = methods(list)
        if let problem = list.problem { throw ServiceError(JF_E_INVALID, "service '\(service)': \(problem)") }
        try core.bind(major, minor, list.signatures)
        return ServiceBinding(methods: result, core: core)
    }
}

/// One binding of the host.
final class BindingCore: Sendable {
    let host: JackfieldHost
    let service: String
    private let key: UInt?
    private let handle = BindingHandle()

    init(host: JackfieldHost, service: String, changed: BindingTable.Changed?) {
        self.host = host
        self.service = service
        key = changed.map { [handle] in host.bindings.add(handle, $0) }
    }

    deinit { unbind() }

    /// 0 until ``bind(_:_:_:)``: calls throw `JF_E_GONE`.
    var binding: jf_binding { handle.value.load(ordering: .acquiring) }

    func bind(_ major: UInt32, _ minor: UInt32, _ signatures: [String]) throws(ServiceError) {
        var binding: jf_binding = 0
        let error = FilledError()
        let code =
            withText(service) { service in
                withTexts(signatures) { methods, count in
                    var need = jf_need(
                        struct_size: UInt32(MemoryLayout<jf_need>.size), method_count: count, service: service,
                        major: major, minor: minor, methods: methods,
                        changed: key == nil ? nil : BindingTable.changed,
                        context: key.flatMap { UnsafeMutableRawPointer(bitPattern: $0) })
                    return error.fill { host.services.bind?(host.pointer, &need, &binding, $0) }
                }
            } ?? JF_E_UNSUPPORTED
        guard code >= 0 else { throw failure(code, error.message, of: service) }
        handle.value.store(binding, ordering: .releasing)
    }

    var isAvailable: Bool {
        var status = JF_E_UNAVAILABLE
        return host.services.status?(host.pointer, binding, &status) == JF_OK && status == JF_OK
    }

    func unbind() {
        if let key { host.bindings.remove(key) }
        if binding != 0 { _ = host.services.unbind?(host.pointer, binding) }
    }

    /// - Parameter place: the service, or its method: `calc.add`.
    func failure(_ code: Int32, _ message: String, of place: String) -> ServiceError {
        ServiceError(code, message.isEmpty ? "\(place): \(host.words(for: code))" : "\(place): \(message)")
    }
}

extension BindingCore {
    /// The `jf_result_fn` of all calls that do not wait.
    static let answered: jf_result_fn = { instance, context, result in
        guard let box = CallbackBox<UnsafePointer<jf_result>>.reclaim(context), let result,
            let instance = Instance.of(instance)
        else { return }
        box.body(instance.plugin, instance.host, result)
    }
}

/// The number of a binding: `changed` may be called before `bind` has returned it.
final class BindingHandle: Sendable {
    let value = Atomic<jf_binding>(0)
}

/// The closures for changes of bindings, by number. C gets the number as its `context`, not a pointer: so a call that
/// runs while the binding ends finds nothing.
final class BindingTable: Sendable {
    typealias Changed = @Sendable (any Plugin, ServiceStatus) -> Void

    private struct State {
        var next: UInt = 1
        var entries: [UInt: (handle: BindingHandle, changed: Changed)] = [:]
    }

    private let state = Mutex(State())

    func add(_ handle: BindingHandle, _ changed: @escaping Changed) -> UInt {
        state.withLock {
            let key = $0.next
            $0.next += 1
            $0.entries[key] = (handle, changed)
            return key
        }
    }

    func remove(_ key: UInt) {
        let dropped = state.withLock { $0.entries.removeValue(forKey: key) }
        _ = dropped
    }

    /// Releases the closures outside the lock, because the `deinit` of an object that they hold may call this table.
    func removeAll() {
        let dropped = state.withLock { state in
            defer { state.entries = [:] }
            return state.entries
        }
        _ = dropped
    }

    /// The `jf_binding_fn` of all bindings.
    static let changed: jf_binding_fn = { instance, context, binding, status, message in
        guard let instance = Instance.of(instance) else { return }
        let entry = instance.host.bindings.state.withLock { $0.entries[UInt(bitPattern: context)] }
        guard let entry else { return }
        entry.handle.value.store(binding, ordering: .releasing)
        entry.changed(instance.plugin, ServiceStatus(status, message))
    }
}
