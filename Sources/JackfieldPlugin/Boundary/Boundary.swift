import Synchronization

/// The C side of a plugin: its descriptor, and the functions that the host calls.
///
/// The descriptor has no context, and `create` is a C function without captures, so `create` looks up the plugin's type
/// by the host handle, which is different for each loaded plugin.
enum Boundary {
    struct Registration: Sendable {
        let type: any Plugin.Type
        let host: JackfieldHost
        let handshakeHooks: [DeclaredParts.HandshakeHook]
    }

    private static let registrations = Mutex<[JackfieldHost.Identity: Registration]>([:])

    static func register(_ type: any Plugin.Type, host: JackfieldHost, declarations: DeclaredParts) {
        let registration = Registration(type: type, host: host, handshakeHooks: declarations.handshakeHooks)
        registrations.withLock { $0[host.identity] = registration }
    }

    /// Fills the descriptor. Its lists and names are never freed, because the header demands that they stay valid for
    /// the life of the process.
    static func describe(
        _ plugin: UnsafeMutablePointer<jf_plugin>, name: String, version: String, declarations: DeclaredParts
    ) {
        plugin.pointee.struct_size = UInt32(MemoryLayout<jf_plugin>.size)
        plugin.pointee.abi = UInt32(JF_ABI)
        plugin.pointee.name = .immortal(name)
        plugin.pointee.version = .immortal(version)
        plugin.pointee.create = create
        plugin.pointee.start = start
        plugin.pointee.stop = stop
        plugin.pointee.destroy = destroy
        plugin.pointee.presence = presence
        plugin.pointee.ready = ready
        plugin.pointee.save = save
        plugin.pointee.restore = restore
        plugin.pointee.resumed = resumed
        // Without a hook the slot stays NULL, so that the host skips the call.
        plugin.pointee.handshake = declarations.handshakeHooks.isEmpty ? nil : handshake

        let events = immortal(declarations.events.map { $0.declaration })
        plugin.pointee.events = jf_event_list(items: events.items, count: events.count, stride: events.stride)
        let namespaces = immortal(declarations.namespaces.filter(\.isDeclared).map { $0.declaration })
        plugin.pointee.nsps = jf_nsp_list(items: namespaces.items, count: namespaces.count, stride: namespaces.stride)
        let routes = immortal(declarations.routes.map { $0.declaration })
        plugin.pointee.routes = jf_route_list(items: routes.items, count: routes.count, stride: routes.stride)
        let timers = immortal(declarations.timers.map { $0.declaration })
        plugin.pointee.timers = jf_timer_list(items: timers.items, count: timers.count, stride: timers.stride)
        let services = immortal(declarations.services.map { $0.declaration })
        plugin.pointee.services = jf_service_list(
            items: services.items, count: services.count, stride: services.stride)
        let functions = immortal(declarations.functions.map { $0.declaration })
        plugin.pointee.functions = jf_function_list(
            items: functions.items, count: functions.count, stride: functions.stride)
        let emits = immortal(declarations.emits.map { $0.declaration })
        plugin.pointee.emits = jf_emit_list(items: emits.items, count: emits.count, stride: emits.stride)
    }

    static func immortal<T>(_ values: [T]) -> (items: UnsafePointer<T>?, count: UInt32, stride: UInt32) {
        guard !values.isEmpty else { return (nil, 0, UInt32(MemoryLayout<T>.stride)) }
        let copy = UnsafeMutablePointer<T>.allocate(capacity: values.count)
        copy.initialize(from: values, count: values.count)
        return (UnsafePointer(copy), UInt32(values.count), UInt32(MemoryLayout<T>.stride))
    }

    private static let create:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?, UnsafeMutablePointer<jf_error>?
        ) -> Int32 = { host, out, error in
            guard let host, let out, let known = registrations.withLock({ $0[JackfieldHost.Identity(host)] }) else {
                return jf_fail(error, JF_E_STATE, "create was called for a host that jf_plugin_main never saw")
            }
            do {
                let plugin = try known.type.init(host: known.host)
                out.pointee = Unmanaged.passRetained(
                    Instance(plugin: plugin, host: known.host, handshakeHooks: known.handshakeHooks)
                ).toOpaque()
                return JF_OK
            } catch let failure {
                return jf_fail(error, JF_E_FAILED, Problem.words(for: failure))
            }
        }

    private static let start: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<jf_error>?) -> Int32 = {
        instance, error in
        report(to: error) { try Instance.of(instance)?.plugin.start() }
    }

    private static let ready: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<jf_error>?) -> Int32 = {
        instance, error in
        report(to: error) { try Instance.of(instance)?.plugin.ready() }
    }

    private static let stop: @convention(c) (UnsafeMutableRawPointer?) -> Void = { instance in
        Instance.of(instance)?.plugin.stop()
    }

    private static let destroy: @convention(c) (UnsafeMutableRawPointer?) -> Void = { instance in
        guard let instance else { return }
        let owned = Unmanaged<Instance>.fromOpaque(instance).takeRetainedValue()
        owned.savedBytes?.deallocate()
        owned.host.tasks.removeAll()
        owned.host.bindings.removeAll()
    }

    private static let save:
        @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<jf_saved>?, UnsafeMutablePointer<jf_error>?) ->
            Int32 = { instance, saved, error in
                guard let instance = Instance.of(instance), let saved else { return JF_E_INVALID }
                return report(to: error) {
                    guard let state = try instance.plugin.save() else { return }
                    saved.pointee.version = state.version
                    saved.pointee.state = instance.keep(state.bytes)
                }
            }

    private static let restore:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_saved>?, UnsafeMutablePointer<jf_error>?) -> Int32 =
            { instance, saved, error in
                guard let instance = Instance.of(instance), let saved else { return JF_E_INVALID }
                return report(to: error) {
                    if let state = ReloadState(saved.pointee) { try instance.plugin.restore(state) }
                }
            }

    private static let resumed: @convention(c) (UnsafeMutableRawPointer?) -> Void = { instance in
        Instance.of(instance)?.plugin.resumed()
    }

    private static let presence: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_presence_change>?) -> Void =
        { instance, change in
            guard let change else { return }
            Instance.of(instance)?.plugin.presence(PresenceEvent(change.pointee))
        }

    private static let handshake:
        @convention(c) (
            UnsafeMutableRawPointer?, UnsafePointer<jf_handshake>?, UnsafeMutablePointer<jf_handshake_reply>?
        ) -> Int32 = { instance, request, reply in
            guard let instance = Instance.of(instance), let request, let reply else { return JF_E_INVALID }
            do {
                for hook in instance.handshakeHooks { try hook(SessionRequest(raw: request, reply: reply)) }
                return JF_OK
            } catch let reason as Refusal {
                return reason.write(to: reply)
            } catch {
                instance.host.log.error("allowRequest: \(error)")
                return JF_E_FAILED
            }
        }

    private static func report(to error: UnsafeMutablePointer<jf_error>?, _ body: () throws -> Void) -> Int32 {
        do {
            try body()
            return JF_OK
        } catch let failure {
            return jf_fail(error, JF_E_FAILED, Problem.words(for: failure))
        }
    }
}

/// The `instance` of the host's callbacks: the plugin and its host.
final class Instance {
    let plugin: any Plugin
    let host: JackfieldHost
    let handshakeHooks: [DeclaredParts.HandshakeHook]
    /// What `save` has returned last; the host copies it after `save` has returned.
    private(set) var savedBytes: UnsafeMutableBufferPointer<UInt8>?

    init(plugin: any Plugin, host: JackfieldHost, handshakeHooks: [DeclaredParts.HandshakeHook]) {
        self.plugin = plugin
        self.host = host
        self.handshakeHooks = handshakeHooks
    }

    /// Copies what `save` returns to memory that stays until the next call, or the end of the plugin.
    func keep(_ bytes: [UInt8]) -> jf_bytes {
        savedBytes?.deallocate()
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = copy.initialize(from: bytes)
        savedBytes = copy
        return jf_bytes(ptr: copy.baseAddress, len: UInt64(copy.count))
    }

    /// The instance that `create` stored; nil if `create` failed.
    static func of(_ pointer: UnsafeMutableRawPointer?) -> Instance? {
        guard let pointer else { return nil }
        return Unmanaged<Instance>.fromOpaque(pointer).takeUnretainedValue()
    }
}

extension JackfieldHost {
    /// The address of a host handle, as a dictionary key.
    struct Identity: Hashable, Sendable {
        private let address: UInt

        init(_ pointer: OpaquePointer) { address = UInt(bitPattern: pointer) }
    }

    var identity: Identity { Identity(pointer) }
}
