import Foundation
import Glibc
import Isolation
import Support

/// The worker process of the tests in Tests/IsolationTests. Its first argument says what it does.
@main
enum IsolationPeer {
    static func main() throws {
        let arguments = CommandLine.arguments
        let number = arguments.count > 2 ? Int(arguments[2]) ?? 0 : 0
        var options = SharedChannel.Options()
        options.spinNanoseconds = ProcessInfo.processInfo.environment["SPIN"].flatMap { Int64($0) } ?? 0
        let channel = try WorkerProcess.adoptChannel(name: "peer", options)
        switch arguments[1] {
        case "echo": echo(channel)
        case "exchange": exchange(channel, number)
        case "call": call(channel, number)
        case "report": report(channel)
        case "exit": exit(Int32(number))
        case "signal": kill(getpid(), Int32(number))
        case "print": print(number)
        case "child": startChild(channel)
        case "host": try startPeer(channel, arguments[2])
        case "memory": fillMemory(channel, number)
        case "syscalls": trySystemCalls(channel)
        default: fatalError("unknown argument \(arguments[1])")
        }
    }

    private static func send(_ channel: SharedChannel, _ text: String) {
        var text = text
        text.withUTF8 { _ = channel.write(kind: 1, UnsafeRawBufferPointer($0), until: .max) }
    }

    /// Sends every message back.
    private static func echo(_ channel: SharedChannel) {
        while case .message(let message) = channel.read(until: .max) {
            if message.kind == 0 { continue }
            _ = channel.write(kind: message.kind, id: message.id, message.payload, until: .max)
        }
    }

    /// Sends messages of random sizes, and checks as many that the host sends; then sends what was wrong.
    private static func exchange(_ channel: SharedChannel, _ count: Int) {
        let isSent = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            var stream = MessageStream(seed: 1)
            stream.write(count, to: channel)
            isSent.signal()
        }
        var stream = MessageStream(seed: 2)
        let problem = stream.read(count, from: channel)
        isSent.wait()
        send(channel, problem ?? "all right")
    }

    /// Makes calls whose replies are their payloads.
    private static func call(_ channel: SharedChannel, _ count: Int) {
        Thread.detachNewThread {
            while case .message = channel.read(until: .max) {}
        }
        for number in 0..<count {
            let result = channel.call(kind: 2, count: 8, until: .max) {
                $0.storeBytes(of: number, as: Int.self)
            } reply: { code, reply in
                code == 5 && reply.loadUnaligned(as: Int.self) == number
            }
            guard case .replied(true) = result else { return send(channel, "call \(number): \(result)") }
        }
        send(channel, "all right")
    }

    /// Sends what the process knows about itself, one message each.
    private static func report(_ channel: SharedChannel) {
        for name in ["status", "limits", "oom_score_adj"] {
            send(channel, (try? String(contentsOfFile: "/proc/self/\(name)", encoding: .utf8)) ?? "none")
        }
        let descriptors = (0..<1024).compactMap { number -> String? in
            fcntl(Int32(number), F_GETFD) < 0 ? nil : "\(number)"
        }
        send(channel, descriptors.joined(separator: " "))
        send(channel, FileManager.default.currentDirectoryPath)
        send(channel, CommandLine.arguments.joined(separator: "|"))
        send(channel, ProcessInfo.processInfo.environment.map { "\($0)=\($1)" }.sorted().joined(separator: "\n"))
        send(channel, "\(getpgrp() == getpid())")
        var blocked = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &blocked)
        send(channel, "\((1..<32).filter { sigismember(&blocked, $0) == 1 })")
    }

    /// Writes lines to both outputs.
    private static func print(_ count: Int) {
        for number in 0..<count {
            FileHandle.standardOutput.write(Data("line \(number)\n".utf8))
            FileHandle.standardError.write(Data("error \(number)\n".utf8))
        }
        FileHandle.standardError.write(Data("last words".utf8))
    }

    /// Starts a process of its own, in its process group, and sends its id.
    private static func startChild(_ channel: SharedChannel) {
        var child: pid_t = 0
        var arguments = [strdup("sleep"), strdup("1000"), nil]
        let code = posix_spawn(&child, "/bin/sleep", nil, nil, &arguments, nil)
        send(channel, code == 0 ? "\(child)" : "errno \(code)")
        sleepForever()
    }

    /// Starts a worker of its own, and sends its id.
    private static func startPeer(_ channel: SharedChannel, _ executable: String) throws {
        let settings = WorkerProcess.Settings(
            executable: executable, arguments: ["memory", "1"], name: "peer of peer",
            folder: FileManager.default.currentDirectoryPath)
        let inner = try SharedChannel.create()
        let process = try WorkerProcess.start(settings, channel: inner) { _ in
        } onExit: { _ in
        }
        // The inner peer is in its main function.
        _ = inner.read(until: .max)
        send(channel, "\(process.pid)")
        sleepForever()
    }

    private static func fillMemory(_ channel: SharedChannel, _ bytes: Int) {
        if let memory = malloc(bytes) { memset(memory, 1, bytes) }
        send(channel, "full")
        sleepForever()
    }

    /// Makes system calls that the seccomp filter refuses, and sends their errors.
    private static func trySystemCalls(_ channel: SharedChannel) {
        let calls: [(String, () -> Int32)] = [
            ("acct", { acct(nil) }),
            ("chroot", { chroot("/") }),
            ("mount", { mount("none", "/tmp", "tmpfs", 0, nil) }),
            ("sethostname", { sethostname("x", 1) }),
            ("getppid", { getppid() > 0 ? 0 : -1 }),
        ]
        for (name, call) in calls {
            errno = 0
            let code = call()
            send(channel, "\(name) \(code == 0 ? 0 : errno)")
        }
        // Threads and processes can still be started.
        Thread.detachNewThread { send(channel, "thread") }
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/bin/true")
        try? child.run()
        child.waitUntilExit()
        send(channel, "process \(child.terminationStatus)")
        sleepForever()
    }

    private static func sleepForever() {
        signal(SIGTERM, SIG_IGN)
        while true { sleep(1000) }
    }
}
