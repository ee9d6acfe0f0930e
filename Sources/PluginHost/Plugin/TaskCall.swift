import CJackfield

/// A function that a plugin wants to have called, with the context it gave along. Exactly one of `task` and `free` is called.
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
