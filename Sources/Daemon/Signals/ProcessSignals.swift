import CSignals
import Glibc
import PluginHost
import Synchronization

/// Handles the signals of this process: SIGTERM and SIGINT stop the daemon, SIGHUP reloads its configuration, SIGPIPE
/// is ignored.
///
/// The handler writes the signal's number to a pipe, which ``ShutdownWatchdog`` reads on its own thread. That thread is
/// delayed neither by busy event loops nor by Swift's task pool. No signal is blocked, unlike with Dispatch's signal
/// sources, so that child processes of plugins do not inherit blocked signals.
final class ProcessSignals: SignalInspector {
    /// The read end of the pipe: one byte for each signal, its number, and 0 for each ``wake()``.
    let descriptor: Int32
    private let input: Int32
    private let inspection = Mutex(())

    /// An error of the system when the handlers are installed; `code` is its `errno`.
    struct Failure: Error {
        let code: Int32
    }

    /// Installs the handlers. Call it once in a process, before any plugin's code runs.
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

    /// Wakes the thread that waits for a signal.
    func wake() {
        var zero: UInt8 = 0
        _ = write(input, &zero, 1)
    }

    func inspect() -> [SignalChange] {
        var restored: UInt64 = 0
        var foreign: UInt64 = 0
        var functions = [UInt](repeating: 0, count: 32)
        inspection.withLock { _ in jf_signals_inspect(&restored, &foreign, &functions) }
        guard restored | foreign != 0 else { return [] }
        return (1..<Int32(32)).compactMap { number in
            let bit = UInt64(1) << UInt64(number)
            guard (restored | foreign) & bit != 0 else { return nil }
            return SignalChange(
                signal: Self.name(of: number), isRestored: restored & bit != 0, function: functions[Int(number)])
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
