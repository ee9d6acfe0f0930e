import CJackfield
import Synchronization

/// Callbacks that a plugin was promised exactly once: answers to what it asked. Whoever takes one out
/// makes the call. Any thread.
final class PendingCalls: Sendable {
    private struct State {
        var aborts: [UInt64: @Sendable () -> Void] = [:]
        var last: UInt64 = 0
        var isClosed = false
    }

    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { state.withLock { $0.aborts.count } }

    enum Promise {
        /// Whoever takes out the call of this number makes it.
        case number(UInt64)
        /// Too many are due.
        case full
        /// The plugin is going: what it asks for now is answered at once.
        case closed
    }

    /// Promises a call.
    ///
    /// - Parameter abort: makes the call on the strand when the plugin goes first.
    func add(_ abort: @escaping @Sendable () -> Void) -> Promise {
        state.withLock { state in
            guard !state.isClosed else { return .closed }
            guard state.aborts.count < limit else { return .full }
            state.last += 1
            state.aborts[state.last] = abort
            return .number(state.last)
        }
    }

    /// Whether the call is still to be made: the one who hears `true` makes it.
    func claim(_ call: UInt64) -> Bool { state.withLock { $0.aborts.removeValue(forKey: call) != nil } }

    /// Has `enqueue` queue the call, if it is still to be made. Under the lock: so no call is lost between here and a
    /// strand that ends after ``close()``.
    func complete(_ call: UInt64, _ enqueue: () -> Void) {
        state.withLock { if $0.aborts.removeValue(forKey: call) != nil { enqueue() } }
    }

    /// Takes all out, oldest first; nothing is promised from now on.
    func close() -> [@Sendable () -> Void] {
        state.withLock { state in
            state.isClosed = true
            defer { state.aborts = [:] }
            return state.aborts.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}

/// A callback that a plugin was promised exactly once, and what the call that asks for it returns.
struct PromisedCall: Sendable {
    /// In ``PendingCalls``; `nil`: nobody is to be asked for anything.
    let number: UInt64?
    let code: Int32
}

extension LoadedPlugin {
    /// Promises a callback, if fewer are due than may be.
    ///
    /// - Parameter abort: makes the callback on the strand when the plugin goes first.
    func promise(_ abort: @escaping @Sendable () -> Void) -> PromisedCall {
        switch pending.add(abort) {
        case .number(let number): return PromisedCall(number: number, code: JF_OK)
        case .full: return PromisedCall(number: nil, code: JF_E_LIMIT)
        case .closed:
            let isTaken = strand.enqueue(StrandTask(.answer, run: abort), promised: true)
            return PromisedCall(number: nil, code: isTaken ? JF_OK : JF_E_STATE)
        }
    }

    /// Has `enqueue` queue the callback, if it is still to be made; see ``PendingCalls/complete(_:_:)``.
    func complete(_ promise: PromisedCall, _ enqueue: () -> Void) {
        if let number = promise.number { pending.complete(number, enqueue) }
    }

    /// Whether the callback is still to be made: the one who hears `true` makes it.
    func claim(_ promise: PromisedCall) -> Bool { promise.number.map { pending.claim($0) } ?? false }
}

/// A function of a plugin with the context it wants back.
///
/// `@unchecked Sendable`: both are addresses that the host only hands back; what is behind the
/// context is the plugin's affair.
struct PluginCall<Function>: @unchecked Sendable {
    let function: Function
    let context: UnsafeMutableRawPointer?
}

/// A function that a plugin wants to have called, with the context it gave along. Exactly one of
/// `task` and `free` is called.
///
/// `@unchecked Sendable`: addresses that the host only hands back; what is behind the context is the plugin's affair.
struct TaskCall: @unchecked Sendable {
    let task: jf_task_fn
    let context: UnsafeMutableRawPointer?
    let free: jf_free_fn?
}

extension LoadedPlugin {
    /// Calls the task. On the strand.
    func run(_ call: TaskCall) {
        guard isCreated else { return release(call) }
        call.task(instance, call.context)
    }

    /// Frees the context of a task that will not be called. On the strand.
    func release(_ call: TaskCall) {
        call.free?(instance, call.context)
    }
}

/// Bytes that one plugin's calls have gathered and it has not been called back with: answers of clients, and what is
/// found of sockets. Any thread.
final class ResultBudget: Sendable {
    /// For all calls of the plugin.
    let limit: Int
    private let held = Atomic<Int>(0)
    private let cuts = Atomic<UInt64>(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// Bytes that are held now.
    var bytes: Int { held.load(ordering: .relaxed) }
    /// Answers and sockets that were left out of a result, ever.
    var leftOut: UInt64 { cuts.load(ordering: .relaxed) }

    /// Takes room for a part of a result that holds so much already; counts the part as left out if there is none. A
    /// call may have half of the whole, so that another finds room beside it.
    func reserve(_ bytes: Int, besides already: Int) -> Bool {
        if already + bytes <= limit / 2 {
            if held.wrappingAdd(bytes, ordering: .relaxed).newValue <= limit { return true }
            release(bytes)
        }
        countDropped()
        return false
    }

    /// Counts what is left out for want of room.
    func countDropped() { cuts.wrappingAdd(1, ordering: .relaxed) }

    func release(_ bytes: Int) { held.wrappingSubtract(bytes, ordering: .relaxed) }
}
