import CJackfield
import SocketIO

/// How a plugin's calls reach the event loops. Each plugin has its own mailbox for each loop, so that the work of one
/// plugin does not delay another's. [any-thread]
extension LoadedPlugin {
    /// Runs `body` on the loop: at once if this is its thread, else after the work that this plugin enqueued there
    /// before.
    func runOrEnqueue(on loop: LoopContext, _ body: @escaping @Sendable () -> Void) {
        loop.runOrEnqueue(in: mailboxes[loop.index], body)
    }

    /// Enqueues work for the loop.
    ///
    /// - Returns: `false` if the mailbox is full.
    func post(_ task: LoopTask, on loop: LoopContext, bytes: Int) -> Bool {
        loop.post(task, in: mailboxes[loop.index], bytes: bytes)
    }

    /// Runs `body` on every loop: at once on the calling thread's loop, on the others after the work that this thread
    /// enqueued there before. Runs on all loops, or, if a mailbox is full, on none.
    func everywhere(bytes: Int, _ body: @escaping @Sendable (LoopContext) -> LoopWork?) -> Int32 {
        let current = ThreadState.current?.loop
        for context in host.contexts where context !== current && !mailboxes[context.index].hasCapacity(bytes) {
            return JF_E_LIMIT
        }
        var task: LoopTask?
        for context in host.contexts {
            if context === current {
                body(context)?.run(on: context.shard)
            } else {
                let shared = task ?? LoopTask(body)
                task = shared
                context.post(shared, in: mailboxes[context.index], bytes: bytes, promised: true)
            }
        }
        return JF_OK
    }

    /// Calls `body` for each socket of a target, on every loop; in slices where there are many sockets.
    func forEach(
        _ which: UnsafePointer<jf_target>?, bytes: Int = 0,
        _ body: @escaping @Sendable (LoopContext, NamespaceSocket) -> Void
    ) throws(HostCallError) -> Int32 {
        let parsed = try parseTarget(which)
        return everywhere(bytes: bytes) { loop in LoopWork(loop.sockets(parsed)) { body(loop, $0) } }
    }

    /// Calls `body` for one socket on its loop: at once on the loop's own thread, else through the mailbox.
    func onSocket(_ handle: SocketHandle, _ body: @escaping @Sendable (NamespaceSocket) -> Void) -> Int32 {
        guard let context = host.context(of: handle) else { return JF_E_GONE }
        if ThreadState.current?.loop === context {
            guard let socket = context.shard.socket(handle) else { return JF_E_GONE }
            body(socket)
            return JF_OK
        }
        guard context.directory.contains(handle) else { return JF_E_GONE }
        let task = LoopTask { loop in
            if let socket = loop.shard.socket(handle) { body(socket) }
            return nil
        }
        return post(task, on: context, bytes: 0) ? JF_OK : JF_E_LIMIT
    }
}

extension LoopContext {
    /// The target on this loop, once for each namespace that it covers. [loop]
    func targets(_ parsed: LoadedPlugin.ParsedTarget) -> [BroadcastTarget] {
        guard parsed.everyNamespace else { return [parsed.target] }
        var targets: [BroadcastTarget] = []
        shard.forEachNamespace { namespace in
            var target = parsed.target
            target.namespace = namespace.name
            targets.append(target)
        }
        return targets
    }

    /// The sockets of the target that are on this loop now. [loop]
    func sockets(_ parsed: LoadedPlugin.ParsedTarget) -> ContiguousArray<SocketHandle> {
        var sockets: ContiguousArray<SocketHandle> = []
        for target in targets(parsed) { shard.collect(target, into: &sockets) }
        return sockets
    }
}
