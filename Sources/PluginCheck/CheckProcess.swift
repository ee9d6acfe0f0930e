import CCheckRecord
import Foundation
import Glibc
import Support

/// The process of one test, seen from outside: how it ended, whatever the plugin did to it.
struct CheckProcess {
    private let id: pid_t
    private let folder: String
    private let result: Int32
    private let output: Int32
    private let record: UnsafeMutablePointer<jf_check_record>

    /// MiB of memory beyond which the process is ended.
    private let memoryLimit: Int

    /// Bytes of results and of output that are read.
    private static let mostResult = 1 << 20
    private static let mostOutput = 1 << 16

    /// Starts it in a new folder.
    init(_ executable: String, _ arguments: [String], _ request: CheckRequest) throws(CheckFailure) {
        var template = Array("\(NSTemporaryDirectory())/jackfield-check-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil, let json = try? JSONEncoder().encode(request) else {
            throw Self.failure("make a folder for a process")
        }
        folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        var requestEnds: [Int32] = [-1, -1]
        var resultEnds: [Int32] = [-1, -1]
        var outputEnds: [Int32] = [-1, -1]
        defer {
            for descriptor in requestEnds + [resultEnds[1], outputEnds[1]] where descriptor >= 0 { close(descriptor) }
        }
        let memory = jf_check_record_create()
        defer { if memory >= 0 { close(memory) } }
        guard Self.makePipe(&requestEnds), Self.makePipe(&resultEnds), Self.makePipe(&outputEnds), memory >= 0,
            let record = jf_check_record_map(memory)
        else { throw Self.failure("make pipes and shared memory for a process") }
        self.record = record
        memoryLimit = request.options.memoryLimit
        (result, output) = (resultEnds[0], outputEnds[0])
        let words = ([executable] + arguments).map { strdup($0) }
        defer { for word in words { free(word) } }
        id = jf_check_spawn(words + [nil], folder, outputEnds[1], requestEnds[0], resultEnds[1], memory)
        guard id > 0 else { throw Self.failure("start \(executable)") }
        close(requestEnds[0])
        requestEnds[0] = -1
        // Requests are small: a pipe holds 64 KiB. A longer one is read by the process while it is written here.
        var rest = json[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(requestEnds[1], $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
    }

    private static func failure(_ what: String) -> CheckFailure {
        CheckFailure("the check cannot \(what): \(String(cString: strerror(errno)))")
    }

    private static func makePipe(_ ends: inout [Int32]) -> Bool {
        guard pipe(&ends) == 0 else { return false }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return true
    }

    /// Waits for the end of the process, ends it if it takes too long or too much memory, and says what it found.
    func wait(milliseconds limit: Int) -> [CheckFinding] {
        let end = Clock.monotonicMilliseconds + Int64(limit)
        var (text, printed): ([UInt8], [UInt8]) = ([], [])
        var ended: String?
        var status: Int32 = 0
        while waitpid(id, &status, WNOHANG) == 0 {
            drain(result, into: &text, most: Self.mostResult, milliseconds: 20)
            drain(output, into: &printed, most: Self.mostOutput, milliseconds: 0)
            if ended == nil {
                if Clock.monotonicMilliseconds >= end {
                    ended = "it did not end within \(limit / 1_000) s"
                } else if memory >> 20 > memoryLimit {
                    ended = "its memory grew beyond \(memoryLimit) MiB"
                }
                if ended != nil { kill(-id, SIGKILL) }
            }
        }
        // What the plugin has started and left.
        kill(-id, SIGKILL)
        drain(result, into: &text, most: Self.mostResult, milliseconds: 0)
        drain(output, into: &printed, most: Self.mostOutput, milliseconds: 0)
        for descriptor in [result, output] { close(descriptor) }
        try? FileManager.default.removeItem(atPath: folder)
        defer { jf_check_record_unmap(record) }
        if let ended { return [CheckFinding(.failure, "\(ended)\(atStep)")] + shown(printed) }
        if status & 0x7F == 0, status >> 8 & 0xFF == 0,
            let findings = try? JSONDecoder().decode([CheckFinding].self, from: Data(text))
        {
            return findings
        }
        return [CheckFinding(.failure, fault(status, Crash(text)))] + shown(printed)
    }

    /// Reads what has come.
    private func drain(_ descriptor: Int32, into text: inout [UInt8], most: Int, milliseconds: Int32) {
        var buffer = [UInt8](repeating: 0, count: 1 << 14)
        var wait = milliseconds
        for _ in 0..<64 {
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&wanted, 1, wait) > 0 else { return }
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else {
                // The plugin has closed a descriptor that is not its own; `wait` still has to sleep.
                if wait > 0 { usleep(useconds_t(wait) * 1_000) }
                return
            }
            text += buffer[..<min(count, max(0, most - text.count))]
            wait = 0
        }
    }

    /// Bytes of memory that the process uses.
    private var memory: Int {
        let descriptor = open("/proc/\(id)/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &buffer, buffer.count)
        let words = buffer.prefix(max(0, count)).split(separator: 0x20)
        guard words.count > 1 else { return 0 }
        return (Int(String(decoding: words[1], as: UTF8.self)) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    // MARK: Sentences

    /// What the process has written about its crash: the record of CCrashReport.
    private struct Crash: Decodable {
        /// "SIGSEGV", or "exit(2)".
        let signal: String
        let thread: String
        let callback: String?

        var place: String { "\(callback.map { ", in \($0)" } ?? ", outside of its callbacks") on thread \(thread)" }

        init?(_ text: [UInt8]) {
            guard let crash = try? JSONDecoder().decode(Crash.self, from: Data(text)) else { return nil }
            self = crash
        }
    }

    /// What ended the process, and where.
    private func fault(_ status: Int32, _ crash: Crash?) -> String {
        let signal = status & 0x7F
        if signal != 0 {
            guard let crash else { return "it crashed: \(Self.name(ofSignal: signal))\(atStep)" }
            return "it crashed: \(crash.signal)\(crash.place)\(atStep)"
        }
        let code = status >> 8 & 0xFF
        if code == CheckWorker.couldNotAnswer {
            return "it closed a descriptor of the process that is not its own\(atStep)"
        }
        if code == CheckWorker.wasMisused { return "the executable of the check did not understand its request" }
        guard let crash else { return "it ended the process with exit code \(code)\(atStep)" }
        return "it called \(crash.signal)\(crash.place)\(atStep)"
    }

    private var atStep: String {
        let step = String(cString: jf_check_record_step(record))
        return step.isEmpty ? "" : ", while \(step)"
    }

    private func shown(_ printed: [UInt8]) -> [CheckFinding] {
        let lines = printed.split(separator: 10).suffix(6).map { String(decoding: $0, as: UTF8.self).cut(to: 300) }
        return lines.isEmpty
            ? [] : [CheckFinding(.note, "the last lines of its output: \(lines.joined(separator: " | "))")]
    }

    /// Of a signal for which nothing writes a report.
    private static func name(ofSignal number: Int32) -> String {
        switch number {
        case SIGSEGV: "SIGSEGV"
        case SIGABRT: "SIGABRT"
        case SIGKILL: "SIGKILL"
        case SIGTERM: "SIGTERM"
        case SIGPIPE: "SIGPIPE"
        default: "signal \(number)"
        }
    }
}
