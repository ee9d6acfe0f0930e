import CCheckRecord
import CCrashReport
import Foundation
import Glibc
import Support

/// The process of one test. ``PluginChecker`` starts it with the descriptors that `jf_check_spawn` names.
public enum CheckWorker {
    /// The end of the line about a crash; static, as `jf_crash_install` demands. `nonisolated(unsafe)` is safe: a
    /// string constant of the binary.
    nonisolated(unsafe) private static let consequence: UnsafePointer<CChar> = {
        let text: StaticString = "the process of this test ends"
        return UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
    }()

    private static let requestDescriptor: Int32 = 3
    private static let resultDescriptor: Int32 = 4
    private static let recordDescriptor: Int32 = 5

    /// Exit codes that ``PluginChecker`` reads.
    static let wasMisused: Int32 = 64
    static let couldNotAnswer: Int32 = 65

    /// Runs the test that is asked for, writes its findings, and ends the process.
    public static func main() -> Never {
        // The first loaded plugin finds the signals as a daemon leaves them.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        signal(SIGTERM) { _ in _exit(143) }
        signal(SIGINT) { _ in _exit(130) }
        for descriptor in [requestDescriptor, resultDescriptor, recordDescriptor] {
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
        guard let request = try? JSONDecoder().decode(CheckRequest.self, from: readAll(requestDescriptor)),
            let test = CheckTest.named(request.test), case .child(_, let body) = test.body,
            let record = jf_check_record_map(recordDescriptor)
        else {
            complain("this command is run by 'jackfield plugin check' only")
            _exit(wasMisused)
        }
        close(requestDescriptor)
        close(recordDescriptor)
        let run = CheckRun(request, record: record)
        // The signal itself ends the process after a crash, not Swift's own report, which takes seconds.
        for number in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] { signal(number, SIG_DFL) }
        // The report of a crash follows on the result's descriptor, and in words on standard error.
        jf_crash_install(resultDescriptor, Int32(JF_CRASH_TEXT), Self.consequence)
        // A thread of its own, because the functions of tests block.
        let thread = Thread {
            do {
                try body(run)
            } catch let failure as CheckFailure {
                run.fail(failure.text)
            } catch {
                run.fail("\(error)")
            }
            write(run.findings)
        }
        thread.stackSize = 8 << 20
        thread.start()
        while true { sleep(3_600) }
    }

    private static func complain(_ line: String) {
        try? FileHandle.standardError.write(contentsOf: Data("\(line)\n".utf8))
    }

    private static func readAll(_ descriptor: Int32) -> Data {
        var (data, buffer) = (Data(), [UInt8](repeating: 0, count: 1 << 16))
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 { data += buffer[..<count] }
        return data
    }

    private static func write(_ findings: [CheckFinding]) -> Never {
        do {
            let handle = FileHandle(fileDescriptor: resultDescriptor, closeOnDealloc: false)
            try handle.write(contentsOf: JSONEncoder().encode(findings))
        } catch {
            complain("the result cannot be written: \(error)")
            _exit(couldNotAnswer)
        }
        // Exit handlers of the plugin's libraries would run code of a plugin that has ended.
        fflush(nil)
        _exit(0)
    }
}
