import CJackfield
import Synchronization

/// Callbacks that the host has promised a plugin to make exactly once: results of calls such as `emit_ack`. The code
/// that removes an entry calls it. Any thread.
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
        /// The entry's number.
        case number(UInt64)
        /// The limit of pending calls is reached.
        case full
        /// The plugin is stopping: the abort must be run at once.
        case closed
    }

    /// Promises a call.
    ///
    /// - Parameter abort: makes the call, on the strand, if the plugin stops first.
    func add(_ abort: @escaping @Sendable () -> Void) -> Promise {
        state.withLock { state in
            guard !state.isClosed else { return .closed }
            guard state.aborts.count < limit else { return .full }
            state.last += 1
            state.aborts[state.last] = abort
            return .number(state.last)
        }
    }

    /// Removes the entry. `true`: the caller must make the call; `false`: it has been made.
    func claim(_ call: UInt64) -> Bool { state.withLock { $0.aborts.removeValue(forKey: call) != nil } }

    /// Lets `enqueue` queue the call, if it has not been made. Runs it under the lock, so that no call is lost between
    /// here and a strand that ends after ``close()``.
    func complete(_ call: UInt64, _ enqueue: () -> Void) {
        state.withLock { if $0.aborts.removeValue(forKey: call) != nil { enqueue() } }
    }

    /// Removes and returns all aborts, oldest first; nothing is promised from now on.
    func close() -> [@Sendable () -> Void] {
        state.withLock { state in
            state.isClosed = true
            defer { state.aborts = [:] }
            return state.aborts.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}

/// A promised callback, and the code that the function which promised it returns.
struct PromisedCall: Sendable {
    /// Number in ``PendingCalls``; `nil`: nothing was promised here, the function has nothing more to do.
    let number: UInt64?
    let code: Int32
}

extension LoadedPlugin {
    /// Promises a callback, if the limit is not reached.
    ///
    /// - Parameter abort: makes the callback, on the strand, if the plugin stops first.
    func promise(_ abort: @escaping @Sendable () -> Void) -> PromisedCall {
        switch pending.add(abort) {
        case .number(let number): return PromisedCall(number: number, code: JF_OK)
        case .full: return PromisedCall(number: nil, code: JF_E_LIMIT)
        case .closed:
            let isTaken = strand.enqueue(StrandTask(.answer, run: abort), promised: true)
            return PromisedCall(number: nil, code: isTaken ? JF_OK : JF_E_STATE)
        }
    }

    /// Lets `enqueue` queue the callback, if it has not been made; see ``PendingCalls/complete(_:_:)``.
    func complete(_ promise: PromisedCall, _ enqueue: () -> Void) {
        if let number = promise.number { pending.complete(number, enqueue) }
    }

    /// Removes the entry. `true`: the caller must make the callback; `false`: it has been made.
    func claim(_ promise: PromisedCall) -> Bool { promise.number.map { pending.claim($0) } ?? false }
}

/// A function of a plugin, with the context to pass to it.
///
/// `@unchecked Sendable`: two addresses that the host only passes back; the plugin is responsible for what the context
/// points to.
struct PluginCall<Function>: @unchecked Sendable {
    let function: Function
    let context: UnsafeMutableRawPointer?
}

/// A function that a plugin asks the host to call, with its context. Exactly one of `task` and `free` is called.
///
/// `@unchecked Sendable`: addresses that the host only passes back; the plugin is responsible for what the context
/// points to.
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

/// Limits the bytes that the unfinished results of one plugin's calls hold: answers of clients, and descriptions of
/// sockets. Any thread.
final class ResultBudget: Sendable {
    private let most: Atomic<Int>
    private let held = Atomic<Int>(0)
    private let cuts = Atomic<UInt64>(0)

    init(limit: Int) {
        most = Atomic(limit)
    }

    /// Bytes for all calls of the plugin.
    var limit: Int {
        get { most.load(ordering: .relaxed) }
        set { most.store(newValue, ordering: .relaxed) }
    }

    /// Bytes that are held now.
    var bytes: Int { held.load(ordering: .relaxed) }
    /// Answers and sockets that were left out of a result, ever.
    var leftOut: UInt64 { cuts.load(ordering: .relaxed) }

    /// Reserves bytes for a part of a result that holds `already` bytes; counts the part as left out if the limit is
    /// reached. One result may use half of the limit, so that a second one fits beside it.
    func reserve(_ bytes: Int, besides already: Int) -> Bool {
        if already + bytes <= limit / 2 {
            if held.wrappingAdd(bytes, ordering: .relaxed).newValue <= limit { return true }
            release(bytes)
        }
        countDropped()
        return false
    }

    /// Counts a part that is left out because of the limit.
    func countDropped() { cuts.wrappingAdd(1, ordering: .relaxed) }

    /// Holds bytes of a result that was reserved before, while a worker gets it.
    func hold(_ bytes: Int) { held.wrappingAdd(bytes, ordering: .relaxed) }

    func release(_ bytes: Int) { held.wrappingSubtract(bytes, ordering: .relaxed) }
}
