import Glibc

/// Threads with a name that `top -H`, `gdb` and `perf` show.
enum Threads {
    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// The entry point of a thread; its argument is the retained ``Body`` that `start` passes.
    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        guard let argument else { return nil }
        let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
        setName(body.name)
        SignalMask.clear()
        body.run()
        return nil
    }

    /// Names the calling thread through `/proc`, because Swift's Glibc module has no `pthread_setname_np`. Without
    /// `/proc` the thread has no name.
    private static func setName(_ name: String) {
        let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        let bytes = Array(name.utf8.prefix(15))
        _ = write(descriptor, bytes, bytes.count)
        close(descriptor)
    }

    /// Starts a detached thread with no signal blocked and an 8 MiB stack, as plugin authors expect.
    ///
    /// - Parameter name: the kernel keeps 15 bytes of it.
    static func start(name: String, _ body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 8 << 20)
        defer { pthread_attr_destroy(&attributes) }
        let argument = Unmanaged.passRetained(Body(name: name, run: body)).toOpaque()
        var thread = pthread_t()
        let code = pthread_create(&thread, &attributes, main, argument)
        // Without threads the host cannot keep the header's promises; end with a reason rather than hang without one.
        precondition(code == 0, "cannot start thread '\(name)': \(String(cString: strerror(code)))")
    }
}

/// The signals that are blocked on the calling thread. A thread inherits the mask of the thread that started it, and a
/// child process that of the thread that forked. So threads that run plugin code must block none: Dispatch's threads,
/// which start some of them, block nearly all.
enum SignalMask {
    /// Unblocks every signal.
    ///
    /// - Returns: the numbers of those that were blocked.
    @discardableResult
    static func clear() -> [Int32] {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        guard pthread_sigmask(SIG_SETMASK, &none, &before) == 0 else { return [] }
        return (1..<Int32(32)).filter { sigismember(&before, $0) == 1 }
    }
}
