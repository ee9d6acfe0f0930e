extension PluginHost {
    /// Calls `body` here and now. What it emits, answers and asks of sockets from this thread goes on its way together when it has returned, in order: each
    /// event loop is woken once for all of it.
    ///
    /// For what becomes due at once on a thread of your own, such as the answers to all requests of one commit. Keep it short: the first emit waits for the last.
    public func together(_ body: () -> Void) {
        // Under a host that cannot, or would not any more, everything goes by itself.
        withoutActuallyEscaping(body) { body in
            let call = Call(body)
            withExtendedLifetime(call) {
                _ = core.together?(pointer, { _, context in context.map { Unmanaged<Call>.fromOpaque($0).takeUnretainedValue().run() } }, Unmanaged.passUnretained(call).toOpaque())
            }
            if !call.isDone { call.run() }
        }
    }

    /// A closure that C calls back, at most once.
    private final class Call {
        private let body: () -> Void
        private(set) var isDone = false

        init(_ body: @escaping () -> Void) { self.body = body }

        func run() {
            isDone = true
            body()
        }
    }
}
