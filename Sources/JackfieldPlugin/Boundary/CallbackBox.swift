import Synchronization

/// A Swift closure as the `context` of a host call whose callback is called exactly once.
final class CallbackBox<Value> {
    let body: @Sendable (_ plugin: any Plugin, _ host: JackfieldHost, _ value: Value) -> Void

    init(_ body: @escaping @Sendable (any Plugin, JackfieldHost, Value) -> Void) {
        self.body = body
    }

    /// The pointer owns the box until ``reclaim(_:)`` or ``discard(_:)``.
    func retained() -> UnsafeMutableRawPointer { Unmanaged.passRetained(self).toOpaque() }

    static func reclaim(_ context: UnsafeMutableRawPointer?) -> CallbackBox? {
        guard let context else { return nil }
        return Unmanaged<CallbackBox>.fromOpaque(context).takeRetainedValue()
    }

    /// Releases the box after the host refused the call: there is no callback then.
    static func discard(_ context: UnsafeMutableRawPointer) {
        Unmanaged<CallbackBox>.fromOpaque(context).release()
    }
}

/// The closures that wait for the strand, by number. C gets the number as its `context`, not a pointer: so a closure
/// whose callback never comes is freed with the table, and a late callback finds nothing.
final class TaskTable: Sendable {
    typealias Work = @Sendable (any Plugin) -> Void

    private struct State {
        var next: UInt = 1
        var work: [UInt: Work] = [:]
    }

    private let state = Mutex(State())

    func add(_ work: @escaping Work) -> UInt {
        state.withLock {
            let key = $0.next
            $0.next += 1
            $0.work[key] = work
            return key
        }
    }

    @discardableResult
    func remove(_ key: UInt) -> Work? {
        state.withLock { $0.work.removeValue(forKey: key) }
    }

    /// Releases the closures outside the lock, because the `deinit` of an object that they hold may call this table.
    func removeAll() {
        let dropped = state.withLock { state in
            defer { state.work = [:] }
            return state.work
        }
        _ = dropped
    }

    /// The `jf_task_fn` of all closures.
    static let run: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = { instance, context in
        guard let instance = Instance.of(instance), let work = instance.host.tasks.remove(UInt(bitPattern: context))
        else { return }
        work(instance.plugin)
    }

    /// The `jf_free_fn` of all closures: called instead of ``run`` when a timer is cancelled or the plugin stops.
    static let free: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?) -> Void = {
        instance, context in
        Instance.of(instance)?.host.tasks.remove(UInt(bitPattern: context))
    }
}
