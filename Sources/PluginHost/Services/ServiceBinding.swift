import CJackfield
import Glibc
import SocketIO
import Support
import Synchronization

/// One plugin's use of a service. Calls read it without a lock, while the service comes and goes.
///
/// A call first enters the binding, then reads ``targets``, and leaves when it no longer uses what it has read. To
/// remove the targets, ``disconnect()`` sets them to 0, and ``drain(until:)`` waits until each counter was 0 once:
/// calls that enter later find no targets. The counters are divided among the threads, so that several threads do not
/// contend for one.
///
/// A binding that was ended is used again for the plugin's next one, with another ``generation``. It is never freed,
/// because function pointers hold it.
///
/// `@unchecked Sendable`: `need`, `message` and `retained` are used under the registry's lock; the rest is immutable or
/// atomic.
final class ServiceBinding: @unchecked Sendable {
    /// The values that a call needs, as plain addresses.
    struct Target {
        let handler: jf_method_fn?
        let instance: UnsafeMutableRawPointer?
        let context: UnsafeMutableRawPointer?
        /// Whether the call runs on the thread of the caller.
        let isInline: Bool
        let method: Unmanaged<ProvidedMethod>
        let type: Unmanaged<MethodType>
    }

    /// The targets of one connection, at an address that calls read.
    struct TargetList {
        let count: UInt32
        let items: UnsafeMutablePointer<Target>
    }

    /// The targets of one connection to a provider, one for each method of the need.
    ///
    /// `@unchecked Sendable`: the memory is written by `init` and freed by `deinit` only.
    final class Targets: @unchecked Sendable {
        let service: ProvidedService
        let methods: [ProvidedMethod]
        let list: UnsafeMutablePointer<TargetList>
        private let items: UnsafeMutablePointer<Target>

        init(_ service: ProvidedService, _ methods: [ProvidedMethod]) {
            self.service = service
            self.methods = methods
            items = .allocate(capacity: max(1, methods.count))
            list = .allocate(capacity: 1)
            list.initialize(to: TargetList(count: UInt32(methods.count), items: items))
            for (index, method) in methods.enumerated() {
                let handler: jf_method_fn? = if case .handler(let handler) = method.body { handler } else { nil }
                (items + index).initialize(
                    to: Target(
                        handler: handler, instance: method.plugin.instance, context: method.context,
                        isInline: method.run == .inline, method: .passUnretained(method),
                        type: .passUnretained(method.type)))
            }
        }

        deinit {
            list.deallocate()
            items.deallocate()
        }
    }

    let consumer: LoadedPlugin
    let slot: Int
    /// Even: the binding is not in use. The handle contains it.
    let generation = Atomic<UInt64>(0)
    /// Guarded by the registry's lock.
    var need: ServiceNeed!
    /// The status that ``ServiceRegistry`` has notified last.
    let status = Atomic<Int32>(JF_E_UNAVAILABLE)
    /// The message of that notification. Guarded by the registry's lock.
    var message = ""
    /// The address of a retained ``Targets``; 0: there is no provider.
    private let targets = Atomic<UInt>(0)

    private static let stripes = 8
    /// Counters of calls, one cache line apart.
    private let counters = UnsafeMutablePointer<Atomic<Int>>.allocate(capacity: stripes * 8)

    init(consumer: LoadedPlugin, slot: Int) {
        self.consumer = consumer
        self.slot = slot
        for index in 0..<Self.stripes * 8 { (counters + index).initialize(to: Atomic(0)) }
    }

    /// The handle: the generation (48 bits), and the slot plus 1 (16).
    var handle: jf_binding { generation.load(ordering: .acquiring) << 16 | UInt64(slot + 1) }

    // MARK: Calls [any-thread]

    /// Counts a call of this thread. The caller must ``leave(_:)`` soon, on the same thread.
    @inline(__always)
    func enter() -> UnsafeMutablePointer<Atomic<Int>> {
        // Threads differ in the high bits of the address of their thread object.
        let counter = counters + Int((UInt64(pthread_self()) &* 0x9E37_79B9_7F4A_7C15) &>> 61) &* 8
        counter.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
        return counter
    }

    @inline(__always)
    func leave(_ counter: UnsafeMutablePointer<Atomic<Int>>) {
        counter.pointee.wrappingSubtract(1, ordering: .releasing)
    }

    /// The targets, valid until the call leaves; nil if there is no provider.
    @inline(__always)
    var currentTargets: UnsafeMutablePointer<TargetList>? {
        UnsafeMutablePointer(bitPattern: targets.load(ordering: .sequentiallyConsistent))
    }

    // MARK: Connecting, under the registry's lock

    private var retained: Targets?

    func connect(_ new: Targets) {
        retained = new
        targets.store(UInt(bitPattern: new.list), ordering: .sequentiallyConsistent)
    }

    /// Replaces the targets. The ones before must stay retained until the calls have left.
    func exchange(_ new: Targets) -> Targets? {
        let before = retained
        connect(new)
        return before
    }

    /// Removes the targets. They must stay retained until the calls have left.
    func disconnect() -> Targets? {
        targets.store(0, ordering: .sequentiallyConsistent)
        defer { retained = nil }
        return retained
    }

    var provider: ProvidedService? { retained?.service }

    /// Whether every call that entered before has left.
    var isDrained: Bool {
        (0..<Self.stripes).allSatisfy { counters[$0 * 8].load(ordering: .sequentiallyConsistent) == 0 }
    }

    /// Waits until every call that entered before has left.
    ///
    /// - Parameter deadline: on ``Clock/monotonicNanoseconds``.
    /// - Returns: `false` if one has not left by then.
    func drain(until deadline: Int64) -> Bool {
        for stripe in 0..<Self.stripes {
            var rounds = 0
            while counters[stripe * 8].load(ordering: .sequentiallyConsistent) != 0 {
                rounds += 1
                guard rounds > 100 else { continue }
                guard Clock.monotonicNanoseconds < deadline else { return false }
                usleep(100)
            }
        }
        return true
    }
}

/// The bindings of one plugin, by their handle. [any-thread]
///
/// `@unchecked Sendable`: `slots` is allocated in `init` and atomic; `used` is used under the registry's lock.
final class BindingTable: @unchecked Sendable {
    /// Most bindings of one plugin; the header promises this number.
    static let limit = 1_024

    private let slots: UnsafeMutablePointer<Atomic<UInt>>
    private var used = 0
    /// `changed` callbacks that wait for the strand.
    let waitingChanges = Atomic<Int>(0)
    /// Most of them, for `bind`; those that a provider causes by loading and unloading are always queued.
    static let changeLimit = 4_096

    init() {
        slots = .allocate(capacity: Self.limit)
        for index in 0..<Self.limit { (slots + index).initialize(to: Atomic(0)) }
    }

    /// The binding of a handle, which may have been ended: compare ``ServiceBinding/generation`` after entering.
    @inline(__always)
    func find(_ handle: jf_binding) -> Unmanaged<ServiceBinding>? {
        let slot = Int(handle & 0xFFFF) &- 1
        guard slot >= 0, slot < Self.limit,
            let address = UnsafeRawPointer(bitPattern: slots[slot].load(ordering: .acquiring))
        else { return nil }
        return Unmanaged<ServiceBinding>.fromOpaque(address)
    }

    /// A new binding; nil if the limit is reached. Under the registry's lock.
    func makeBinding(for consumer: LoadedPlugin) -> ServiceBinding? {
        guard used < Self.limit else { return nil }
        let binding = ServiceBinding(consumer: consumer, slot: used)
        // Never released: calls and function pointers use its address without counting references.
        slots[used].store(UInt(bitPattern: Unmanaged.passRetained(binding).toOpaque()), ordering: .releasing)
        used += 1
        return binding
    }
}
