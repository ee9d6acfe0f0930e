import CJackfield
import Glibc
import Support
import Synchronization

/// The services of a host: which plugin provides which, and which plugin has bound which. [any-thread]
final class ServiceRegistry: Sendable {
    private struct State {
        var services: [ProvidedService] = []
        var bindings: [ServiceBinding] = []
    }

    private let state = Mutex(State())
    /// Which strand waits for which; see ``ServiceCall``.
    let waits = StrandWaits()

    // MARK: Providers

    /// Makes the services of a plugin available, after its `start`.
    func provide(_ plugin: LoadedPlugin) {
        let services = plugin.descriptor.services.map { ProvidedService($0, of: plugin) }
        guard !services.isEmpty else { return }
        state.withLock { state in
            guard plugin.isInForce else { return }
            state.services += services
            for binding in state.bindings where binding.provider == nil {
                if let service = Self.service(for: binding.need, among: services) { connect(binding, to: service) }
            }
        }
    }

    /// Makes the services of a plugin unavailable.
    ///
    /// - Returns: `false` if a call of an inline method has not returned by `deadline`.
    func withdraw(_ plugin: LoadedPlugin, until deadline: Int64) -> Bool {
        let (left, targets) = state.withLock { state in
            state.services.removeAll { $0.plugin === plugin }
            let left = state.bindings.filter { $0.provider?.plugin === plugin }
            let targets = left.map { disconnect($0, JF_E_UNAVAILABLE, "plugin '\(plugin.name)' has stopped") }
            // The provider that did not match may be the one that has gone.
            for binding in state.bindings
            where binding.status.load(ordering: .relaxed) == JF_E_MISMATCH
                && Self.service(for: binding.need, among: state.services) == nil
            {
                notify(binding, JF_E_UNAVAILABLE, "")
            }
            return (left, targets)
        }
        let isDrained = left.reduce(true) { $1.drain(until: deadline) && $0 }
        // A call that is still running uses the targets: they are then kept for ever.
        if !isDrained { for targets in targets.compactMap(\.self) { _ = Unmanaged.passRetained(targets) } }
        return isDrained
    }

    private static func service(for need: ServiceNeed, among services: [ProvidedService]) -> ProvidedService? {
        services.first { $0.name == need.service && $0.major == need.major }
    }

    // MARK: Bindings

    /// - Throws: `JF_E_MISMATCH` if the service is there and differs; `JF_E_LIMIT`.
    func bind(_ need: ServiceNeed, for consumer: LoadedPlugin) throws(HostCallError) -> jf_binding {
        let result: Result<jf_binding, HostCallError> = state.withLock { state in
            let service = Self.service(for: need, among: state.services)
            if let service, case .failure(let mismatch) = service.methods(for: need, of: consumer.name) {
                return .failure(HostCallError(code: JF_E_MISMATCH, problem: mismatch.text))
            }
            guard let binding = consumer.bindings.acquire(for: consumer) else {
                return .failure(
                    HostCallError(code: JF_E_LIMIT, problem: "the plugin has \(BindingTable.limit) bindings"))
            }
            binding.need = need
            binding.methodCount.store(UInt32(need.methods.count), ordering: .relaxed)
            binding.status.store(JF_E_UNAVAILABLE, ordering: .relaxed)
            binding.generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
            state.bindings.append(binding)
            if let service { connect(binding, to: service) }
            return .success(binding.handle)
        }
        return try result.get()
    }

    /// What a binding needs; nil if it was ended.
    func need(of binding: ServiceBinding, _ handle: jf_binding) -> ServiceNeed? {
        state.withLock { _ in binding.handle == handle ? binding.need : nil }
    }

    /// Ends a binding.
    ///
    /// - Returns: `JF_E_GONE` if it was ended before.
    func unbind(_ handle: jf_binding, of consumer: LoadedPlugin) -> Int32 {
        guard let binding = consumer.bindings.find(handle)?.takeUnretainedValue() else { return JF_E_GONE }
        let isEnded = state.withLock { state in
            guard binding.handle == handle, let index = state.bindings.firstIndex(where: { $0 === binding }) else {
                return false
            }
            state.bindings.remove(at: index)
            end(binding)
            return true
        }
        return isEnded ? JF_OK : JF_E_GONE
    }

    /// Ends all bindings of a plugin that has stopped.
    func unbindAll(of consumer: LoadedPlugin) {
        state.withLock { state in
            for binding in state.bindings where binding.consumer === consumer { end(binding) }
            state.bindings.removeAll { $0.consumer === consumer }
        }
    }

    // MARK: Under the lock

    /// Connects a binding, if the service has what it needs.
    private func connect(_ binding: ServiceBinding, to service: ProvidedService) {
        switch service.methods(for: binding.need, of: binding.consumer.name) {
        case .success(let methods):
            binding.connect(ServiceBinding.Targets(service, methods))
            notify(binding, JF_OK, "")
        case .failure(let mismatch):
            binding.consumer.log.warning("\(mismatch.text); the binding waits for another provider")
            notify(binding, JF_E_MISMATCH, mismatch.text)
        }
    }

    private func disconnect(_ binding: ServiceBinding, _ status: Int32, _ message: String) -> ServiceBinding.Targets? {
        let targets = binding.disconnect()
        notify(binding, status, message)
        return targets
    }

    /// Ends a binding. It is used again when no call uses it any more.
    private func end(_ binding: ServiceBinding) {
        binding.generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
        binding.consumer.bindings.release(binding, binding.disconnect())
    }

    /// Queues the `changed` callback of a binding. Under the lock, so that the callbacks come in the order of the
    /// changes.
    private func notify(_ binding: ServiceBinding, _ status: Int32, _ message: String) {
        binding.status.store(status, ordering: .releasing)
        guard let changed = binding.need.changed else { return }
        let call = PluginCall(function: changed, context: binding.need.context)
        let (consumer, handle) = (binding.consumer, binding.handle)
        let task = StrandTask(
            .bindingChanged,
            run: {
                guard consumer.isServed, binding.handle == handle else { return }
                let pack = TextPack([.text(message)])
                call.function(consumer.instance, call.context, handle, status, jf_text(pack.bytes(0)))
            })
        // The number of these is bounded by loads and unloads.
        _ = consumer.strand.enqueue(task, bytes: message.utf8.count, promised: true)
    }
}
