import CSignals
import Glibc
import PluginHost
import Synchronization

/// The signals of this process: SIGTERM and SIGINT ask it to stop, SIGHUP is noted and has no
/// effect, SIGPIPE is ignored.
///
/// A handler writes to a pipe that a thread of its own reads. No signal is blocked, unlike with Dispatch's signal
/// sources, so that plugins' child processes inherit no blocked signals; and neither a busy event loop nor a busy pool
/// of Swift's tasks delays the thread.
final class ProcessSignals: SignalInspector {
    /// Where the numbers can be read that the handlers wrote, and 0 for each ``wake()``.
    let descriptor: Int32
    private let input: Int32
    private let inspection = Mutex(())

    /// Why signals cannot be handled; never seen.
    struct Failure: Error {
        let code: Int32
    }

    /// Takes the signals over. Once in a process, before any plugin's code runs.
    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure(code: errno) }
        for end in ends {
            guard fcntl(end, F_SETFD, FD_CLOEXEC) == 0, fcntl(end, F_SETFL, O_NONBLOCK) == 0 else {
                throw Failure(code: errno)
            }
        }
        (descriptor, input) = (ends[0], ends[1])
        let code = jf_signals_install(ends[1])
        guard code == 0 else { throw Failure(code: code) }
    }

    /// Wakes the task that waits for a signal.
    func wake() {
        var zero: UInt8 = 0
        _ = write(input, &zero, 1)
    }

    func inspect() -> [SignalChange] {
        var restored: UInt64 = 0
        var foreign: UInt64 = 0
        inspection.withLock { _ in jf_signals_inspect(&restored, &foreign) }
        guard restored | foreign != 0 else { return [] }
        return (1..<Int32(32)).compactMap { number in
            let bit = UInt64(1) << UInt64(number)
            guard (restored | foreign) & bit != 0 else { return nil }
            return SignalChange(signal: Self.name(of: number), isRestored: restored & bit != 0)
        }
    }

    private static let names: [Int32: String] = [
        SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP",
        SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE",
        SIGUSR1: "SIGUSR1", SIGSEGV: "SIGSEGV", SIGUSR2: "SIGUSR2", SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM",
        SIGTERM: "SIGTERM", SIGCHLD: "SIGCHLD",
        SIGURG: "SIGURG", SIGPROF: "SIGPROF", SIGWINCH: "SIGWINCH",
    ]

    static func name(of number: Int32) -> String { names[number] ?? "signal \(number)" }
}
