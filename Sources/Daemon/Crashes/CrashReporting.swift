import CCrashReport
import Logging

/// Installs the report of crashes, and reads what it left before.
struct CrashReporting {
    private let file: CrashFile?

    /// The end of the line, as C text. `nonisolated(unsafe)` is safe: a constant of the binary, never written or freed.
    nonisolated(unsafe) private static let consequence: UnsafePointer<CChar> = {
        let text: StaticString = "the process ends, all clients are disconnected"
        return UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
    }()

    /// What earlier processes left.
    var records: [CrashRecord] { file?.records ?? [] }

    /// Installs the handler of fatal signals, and logs the crashes that no start has logged yet. Call it once in a
    /// process, before the host's other signal handlers are installed and before a plugin is loaded.
    ///
    /// - Parameter path: of the ``CrashFile``; `nil`: none. A daemon whose file cannot be used runs without one.
    init(_ path: String?, format: Configuration.Log.Format, logger: Logger) {
        var file: CrashFile?
        if let path {
            do throws(CrashFile.Unavailable) {
                file = try CrashFile(at: path)
            } catch {
                logger.warning("crashFile \(path) cannot be used, so no crash is remembered: \(error.problem)")
            }
        }
        self.file = file
        jf_crash_install(
            file?.descriptor ?? -1, Int32(format == .json ? JF_CRASH_JSON : JF_CRASH_TEXT), Self.consequence)
        for crash in file?.unreported() ?? [] {
            logger.warning("the daemon has crashed before: \(crash.description)")
        }
        // The handler uses the descriptor until the process ends.
        if let file { _ = Unmanaged.passRetained(file) }
    }

    /// The daemon ends by itself from now on, which is no crash.
    static func expectExit() { jf_crash_expect_exit() }

    /// Isolates the plugins that have `onCrash: isolate` and have ended the daemon before.
    func isolate(in configuration: inout Configuration, logger: Logger) {
        for crash in configuration.isolate(records) {
            logger.warning(
                "plugin '\(crash.plugin ?? "")' has onCrash: isolate and runs in a process of its own, since the daemon has crashed before: \(crash.description)"
            )
        }
    }
}
