import Glibc

/// Which signals are blocked on the calling thread. A thread inherits the mask of the one that made it, and a child process that of the thread that forked, so
/// threads that run plugin code block none: Dispatch's, which make some of them, block nearly all.
enum SignalMask {
    /// Lets every signal through.
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
