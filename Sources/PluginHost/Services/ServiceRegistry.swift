import CJackfield
import Support
import Synchronization

/// The services of a host: which plugin provides which, and which plugin has bound which. [any-thread]
final class ServiceRegistry: Sendable {
    private struct State {
        var services: [ProvidedService] = []
        var bindings: [ServiceBinding] = []
        /// Bindings that were ended, with the targets that calls may still use. They are used again when their calls
        /// have left.
        var ended: [(binding: ServiceBinding, targets: ServiceBinding.Targets?)] = []
        /// Lines to log when the lock is free: a log may block.
        var lines: [(plugin: LoadedPlugin, text: String)] = []
    }

    private let state = Mutex(State())
    /// Which strand waits for which; see ``ServiceCall``.
    let waits = StrandWaits()

    /// Runs `body` under the lock, then logs the lines that it has left.
    private func change<Result: Sendable>(_ body: (inout sending State) -> sending Result) -> Result {
        let (result, lines) = state.withLock { state in
            let result = body(&state)
            defer { state.lines = [] }
            return (result, state.lines)
        }
        for line in lines { line.plugin.log.warning("\(line.text)") }
        return result
    }

    // MARK: Providers

    /// Makes the services of a plugin available, after its `start`.
    func provide(_ plugin: LoadedPlugin) {
        // Kept by the plugin, which is never freed: a strand's running callback is named by an address.
        let services = plugin.makeServices()
        guard !services.isEmpty else { return }
        change { state in
            guard plugin.isInForce else { return }
            state.services += services
            for binding in state.bindings where binding.provider == nil { connect(binding, among: services, &state) }
        }
    }

    /// Makes the services of a plugin's new version available in place of those of the running one. A binding whose
    /// methods the new version has, too, notices nothing.
    ///
    /// - Returns: `false` if a call of an inline method of the running version has not returned by `deadline`.
    func replace(_ plugin: LoadedPlugin, by successor: LoadedPlugin, until deadline: Int64) -> Bool {
        let services = successor.makeServices()
        let (left, targets) = change { state in
            state.services.removeAll { $0.plugin === plugin }
            state.services += services
            var left: [ServiceBinding] = []
            var targets: [ServiceBinding.Targets?] = []
            for binding in state.bindings {
                if binding.provider?.plugin === plugin {
                    left.append(binding)
                    targets.append(replace(binding, among: services, &state))
                } else if binding.provider == nil {
                    connect(binding, among: services, &state)
                }
            }
            for ended in state.ended where ended.targets?.service.plugin === plugin {
                left.append(ended.binding)
                targets.append(ended.targets)
            }
            return (left, targets)
        }
        return Self.drain(left, targets, until: deadline)
    }

    /// Waits until calls that use these targets have left.
    private static func drain(
        _ bindings: [ServiceBinding], _ targets: [ServiceBinding.Targets?], until deadline: Int64
    ) -> Bool {
        let isDrained = bindings.reduce(true) { $1.drain(until: deadline) && $0 }
        // A call that is still running uses the targets: they are then kept for ever.
        if !isDrained { for targets in targets.compactMap(\.self) { _ = Unmanaged.passRetained(targets) } }
        return isDrained
    }

    /// Makes the services of a plugin unavailable.
    ///
    /// - Returns: `false` if a call of an inline method has not returned by `deadline`.
    func withdraw(_ plugin: LoadedPlugin, until deadline: Int64) -> Bool {
        let (left, targets) = change { state in
            state.services.removeAll { $0.plugin === plugin }
            var left = state.bindings.filter { $0.provider?.plugin === plugin }
            var targets = left.map { binding in
                defer { notify(binding, JF_E_UNAVAILABLE, "plugin '\(plugin.name)' has stopped") }
                return binding.disconnect()
            }
            // Calls that began before their binding was ended may still run.
            for ended in state.ended where ended.targets?.service.plugin === plugin {
                left.append(ended.binding)
                targets.append(ended.targets)
            }
            // The provider that did not match may be the one that has gone.
            for binding in state.bindings
            where binding.status.load(ordering: .relaxed) == JF_E_MISMATCH
                && Self.service(for: binding.need, among: state.services) == nil
            {
                notify(binding, JF_E_UNAVAILABLE, "")
            }
            return (left, targets)
        }
        return Self.drain(left, targets, until: deadline)
    }

    /// The services of a plugin, as operators see them.
    func provided(by plugin: LoadedPlugin) -> [String] {
        state.withLock { $0.services.filter { $0.plugin === plugin }.map { "\($0.name)/\($0.major)" } }
    }

    /// What a plugin has bound, with the names of the providers.
    func bound(by consumer: LoadedPlugin) -> [(title: String, provider: String?)] {
        state.withLock { state in
            state.bindings.filter { $0.consumer === consumer }.map {
                ("\($0.need.service)/\($0.need.major)", $0.provider?.plugin.name)
            }
        }
    }

    private static func service(for need: ServiceNeed, among services: [ProvidedService]) -> ProvidedService? {
        services.first { $0.name == need.service && $0.major == need.major }
    }

    // MARK: Bindings

    /// - Throws: `JF_E_MISMATCH` if the service is there and differs; `JF_E_LIMIT`.
    func bind(_ need: ServiceNeed, for consumer: LoadedPlugin) throws(HostCallError) -> jf_binding {
        let result: Result<jf_binding, HostCallError> = change { state in
            if let service = Self.service(for: need, among: state.services),
                case .failure(let mismatch) = service.methods(for: need, of: consumer.name)
            {
                return .failure(HostCallError(code: JF_E_MISMATCH, problem: mismatch.text))
            }
            guard consumer.bindings.waitingChanges.load(ordering: .relaxed) < BindingTable.changeLimit else {
                return .failure(
                    HostCallError(
                        code: JF_E_LIMIT,
                        problem: "\(BindingTable.changeLimit) changes of bindings wait for the plugin's strand"))
            }
            guard let binding = Self.binding(for: consumer, &state) else {
                return .failure(
                    HostCallError(code: JF_E_LIMIT, problem: "the plugin has \(BindingTable.limit) bindings"))
            }
            binding.need = need
            binding.message = ""
            binding.status.store(JF_E_UNAVAILABLE, ordering: .relaxed)
            binding.generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
            state.bindings.append(binding)
            connect(binding, among: state.services, &state)
            return .success(binding.handle)
        }
        return try result.get()
    }

    /// A binding that is not in use; nil if the limit is reached.
    private static func binding(for consumer: LoadedPlugin, _ state: inout State) -> ServiceBinding? {
        if let index = state.ended.firstIndex(where: { $0.binding.consumer === consumer && $0.binding.isDrained }) {
            return state.ended.remove(at: index).binding
        }
        return consumer.bindings.makeBinding(for: consumer)
    }

    /// What a binding needs; nil if it was ended.
    func need(of binding: ServiceBinding, _ handle: jf_binding) -> ServiceNeed? {
        state.withLock { _ in binding.handle == handle ? binding.need : nil }
    }

    /// Why calls of a binding reach no provider.
    func absence(of binding: ServiceBinding) -> CallOutcome {
        state.withLock { _ in
            binding.status.load(ordering: .relaxed) == JF_E_MISMATCH
                ? CallOutcome(JF_E_MISMATCH, binding.message) : CallOutcome(JF_E_UNAVAILABLE)
        }
    }

    /// Ends a binding.
    ///
    /// - Returns: `JF_E_GONE` if it was ended before.
    func unbind(_ handle: jf_binding, of consumer: LoadedPlugin) -> Int32 {
        guard let binding = consumer.bindings.find(handle)?.takeUnretainedValue() else { return JF_E_GONE }
        return change { state in
            guard binding.handle == handle, let index = state.bindings.firstIndex(where: { $0 === binding }) else {
                return JF_E_GONE
            }
            state.bindings.remove(at: index)
            Self.end(binding, &state)
            return JF_OK
        }
    }

    /// Ends all bindings of a plugin that has stopped.
    func unbindAll(of consumer: LoadedPlugin) {
        change { state in
            for binding in state.bindings where binding.consumer === consumer { Self.end(binding, &state) }
            state.bindings.removeAll { $0.consumer === consumer }
        }
    }

    // MARK: Under the lock

    /// Connects a binding, if one of the services is the one that it needs.
    private func connect(_ binding: ServiceBinding, among services: [ProvidedService], _ state: inout State) {
        let (need, consumer) = (binding.need!, binding.consumer)
        guard let service = Self.service(for: need, among: services) else {
            if let other = services.first(where: { $0.name == need.service }) {
                state.lines.append(
                    (
                        consumer,
                        "service '\(need.service)': plugin '\(consumer.name)' needs version \(need.major), plugin '\(other.plugin.name)' provides \(other.major).\(other.minor); the binding waits for another provider"
                    ))
            }
            return
        }
        switch service.methods(for: need, of: consumer.name) {
        case .success(let methods):
            binding.connect(ServiceBinding.Targets(service, methods))
            notify(binding, JF_OK, "")
        case .failure(let mismatch):
            state.lines.append((consumer, "\(mismatch.text); the binding waits for another provider"))
            notify(binding, JF_E_MISMATCH, mismatch.text)
        }
    }

    /// Connects a binding of a plugin that is being reloaded to the new version, or disconnects it.
    ///
    /// - Returns: the targets that calls may still use.
    private func replace(_ binding: ServiceBinding, among services: [ProvidedService], _ state: inout State)
        -> ServiceBinding.Targets?
    {
        guard let service = Self.service(for: binding.need, among: services),
            case .success(let methods) = service.methods(for: binding.need, of: binding.consumer.name)
        else {
            let before = binding.disconnect()
            connect(binding, among: services, &state)
            // With a service that differs, `connect` has notified that.
            if Self.service(for: binding.need, among: services) == nil {
                notify(binding, JF_E_UNAVAILABLE, "the plugin was reloaded, and does not provide the service any more")
            }
            return before
        }
        return binding.exchange(ServiceBinding.Targets(service, methods))
    }

    private static func end(_ binding: ServiceBinding, _ state: inout State) {
        binding.generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
        state.ended.append((binding, binding.disconnect()))
    }

    /// Queues the `changed` callback of a binding. Under the lock, so that the callbacks come in the order of the
    /// changes.
    private func notify(_ binding: ServiceBinding, _ status: Int32, _ message: String) {
        binding.message = message
        binding.status.store(status, ordering: .releasing)
        guard let changed = binding.need.changed else { return }
        let call = PluginCall(function: changed, context: binding.need.context)
        let (consumer, handle) = (binding.consumer, binding.handle)
        let bindings = consumer.bindings
        bindings.waitingChanges.wrappingAdd(1, ordering: .relaxed)
        let task = StrandTask(
            .bindingChanged,
            run: {
                bindings.waitingChanges.wrappingSubtract(1, ordering: .relaxed)
                guard consumer.isServed, binding.handle == handle else { return }
                let pack = TextPack([.text(message)])
                call.function(consumer.instance, call.context, handle, status, jf_text(pack.bytes(0)))
            }, drop: { bindings.waitingChanges.wrappingSubtract(1, ordering: .relaxed) })
        if !consumer.strand.enqueue(task, bytes: message.utf8.count, promised: true) { task.drop() }
    }
}
