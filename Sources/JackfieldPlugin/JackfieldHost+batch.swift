extension JackfieldHost {
    /// Calls `body` here and now. What it emits, answers and changes from this thread is passed to the event loops when it returns, in order: each loop is
    /// woken once.
    ///
    /// For what becomes due at once on a thread of your own, such as the answers to all requests of one commit. Keep it short: the first emit waits for the last.
    public func batch(_ body: () -> Void) {
        // If the host refuses the call (an older one, or the plugin has stopped), `body` runs without a batch.
        withoutActuallyEscaping(body) { body in
            let call = Call(body)
            withExtendedLifetime(call) {
                _ = core.batch?(pointer, { _, context in context.map { Unmanaged<Call>.fromOpaque($0).takeUnretainedValue().run() } }, Unmanaged.passUnretained(call).toOpaque())
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
