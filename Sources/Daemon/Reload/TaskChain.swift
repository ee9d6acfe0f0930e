import Synchronization

/// Runs asynchronous work one after the other, in the order of the calls. [any-thread]
final class TaskChain: Sendable {
    private let last = Mutex<Task<Void, Never>?>(nil)

    /// Waits for the work of all calls before this one, then does `body`.
    func run<Value: Sendable>(_ body: @escaping @Sendable () async -> Value) async -> Value {
        let task = last.withLock { last in
            let task = Task { [last] in
                await last?.value
                return await body()
            }
            last = Task { _ = await task.value }
            return task
        }
        return await task.value
    }
}
