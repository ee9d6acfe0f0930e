import Foundation
import Glibc
import Support
import Testing

@testable import Isolation
@testable import IsolationPeer

@Suite("WorkerProcess", .serialized)
struct WorkerProcessTests {
    /// Sends the messages of a stream on a thread of its own.
    private func send(_ count: Int, seed: UInt64, to channel: SharedChannel) -> TestThread {
        TestThread {
            var stream = MessageStream(seed: seed)
            stream.write(count, to: channel)
        }
    }

    @Test("two processes exchange a million messages of random sizes, both ways at once")
    func exchange() throws {
        let count = 500_000
        let peer = try Peer("exchange", "\(count)")
        let sender = send(count, seed: 2, to: peer.channel)
        var stream = MessageStream(seed: 1)
        #expect(stream.read(count, from: peer.channel) == nil)
        #expect(peer.text() == "all right")
        #expect(sender.join())
        #expect(peer.exit() == .exited(code: 0))
    }

    @Test("a worker's calls get their replies")
    func calls() throws {
        for spin: Int64 in [0, 20_000] {
            let peer = try Peer("call", "2000", spinNanoseconds: spin)
            for _ in 0..<2000 {
                guard case .message(let message) = peer.channel.read(until: .soon), let slot = message.slot else {
                    Issue.record("no call")
                    return
                }
                peer.channel.reply(to: slot, code: 5, message.payload)
            }
            #expect(peer.text() == "all right")
            peer.channel.close()
            #expect(peer.exit() == .exited(code: 0))
        }
    }

    @Test("a worker that is killed in the middle of its messages ends the channel, after what it had written")
    func killed() throws {
        for round in 0..<20 {
            let peer = try Peer("exchange", "1000000000")
            var stream = MessageStream(seed: 1)
            #expect(stream.read(100 * round, from: peer.channel) == nil)
            peer.process.kill()
            var result = peer.channel.result()
            while result.hasPrefix("message") { result = peer.channel.result() }
            #expect(result == "closed")
            #expect(peer.exit() == .signalled(number: SIGKILL, dumpedCore: false))
            #expect(peer.channel.send(1, []) == .closed)
            #expect(peer.process.memoryBytes == nil)
        }
    }

    @Test("the exit code or the signal of a worker is reported")
    func exits() throws {
        #expect(try Peer("exit", "0").exit() == .exited(code: 0))
        #expect(try Peer("exit", "77").exit() == .exited(code: 77))
        var limits = WorkerLimits()
        limits.coreBytes = 0
        let exit = try Peer("signal", "\(SIGSEGV)", limits: limits, environment: ["SWIFT_BACKTRACE=enable=no"]).exit()
        #expect(exit == .signalled(number: SIGSEGV, dumpedCore: false))
        #expect(
            "\(WorkerProcess.Exit.signalled(number: SIGSEGV, dumpedCore: true))"
                == "ended by signal 11 (Segmentation fault, core dumped)")
    }

    @Test("a worker has only its own descriptors, limits, folder and process group, and no blocked signal")
    func surroundings() throws {
        var limits = WorkerLimits()
        limits.coreBytes = 1 << 20
        limits.openFiles = 100
        limits.processes = 5000
        limits.outOfMemoryBias = 70
        let folder = Peer.newFolder()
        // Neither a descriptor that is not close-on-exec nor a blocked signal reaches the worker.
        let leak = open("/dev/null", O_RDONLY)
        defer { close(leak) }
        let peer = try Peer("report", limits: limits, environment: ["PATH=/bin", "JWT_SECRET=1"], folder: folder)
        let status = try #require(peer.text())
        #expect(status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t0\n"))
        #expect(status.contains("Name:\tpeer\n"))
        let table = try #require(peer.text()).split(separator: "\n")
        func limit(_ name: String) -> [Substring] {
            table.first { $0.hasPrefix(name) }?.dropFirst(name.count).split(separator: " ").prefix(2).map { $0 } ?? []
        }
        #expect(limit("Max core file size") == ["1048576", "1048576"])
        #expect(limit("Max open files") == ["100", "100"])
        #expect(limit("Max processes") == ["5000", "5000"])
        let own = try String(contentsOfFile: "/proc/self/oom_score_adj", encoding: .utf8)
        #expect(peer.text().map { Int($0.dropLast()) } == Int(own.dropLast()).map { min($0 + 70, 1000) })
        #expect(peer.text() == "0 1 2 3")
        #expect(peer.text() == URL(fileURLWithPath: folder).standardizedFileURL.resolvingSymlinksInPath().path)
        #expect(peer.text() == "jackfield: plugin peer|report")
        let variables = try #require(peer.text()).split(separator: "\n")
        let here = FileManager.default.currentDirectoryPath
        #expect(variables.contains("PATH=/bin") && variables.contains("JACKFIELD_FOLDER=\(here)"))
        #expect(variables.allSatisfy { !$0.hasPrefix("JWT_SECRET=") }, "the token key does not reach a worker")
        #expect(peer.text() == "true")
        #expect(peer.text() == "[]")
        #expect(peer.exit() == .exited(code: 0))
    }

    @Test("a worker runs as another user in a private folder of this user", .enabled(if: geteuid() == 0))
    func otherUser() throws {
        var limits = WorkerLimits()
        limits.user = WorkerLimits.User(id: 65534, group: 65534)
        let folder = Peer.newFolder()
        let peer = try Peer("report", limits: limits, folder: folder)
        let status = try #require(peer.text())
        #expect(status.contains("Uid:\t65534\t65534\t65534\t65534\n"))
        #expect(status.contains("Gid:\t65534\t65534\t65534\t65534\n"))
        #expect(status.contains("Groups:\t65534 \n"))
        #expect(status.contains("CapEff:\t0000000000000000\n"))
        #expect(peer.exit() == .exited(code: 0))
        // This process is still the user that it was.
        #expect(getuid() == 0 && geteuid() == 0)
    }

    @Test("the seccomp filter refuses what no plugin needs, and allows threads and processes")
    func seccomp() throws {
        var limits = WorkerLimits()
        limits.seccomp = true
        let peer = try Peer("syscalls", limits: limits)
        for name in ["acct", "chroot", "mount", "sethostname"] { #expect(peer.text() == "\(name) \(EPERM)") }
        #expect(peer.text() == "getppid 0")
        let texts = [peer.text(), peer.text()]
        #expect(texts.contains("thread") && texts.contains("process 0"))
        let status = try String(contentsOfFile: "/proc/\(peer.process.pid)/status", encoding: .utf8)
        #expect(status.contains("Seccomp:\t2\n"))
    }

    @Test("each line of both outputs is passed on, and so are last words without an end of the line")
    func output() throws {
        let peer = try Peer("print", "40")
        #expect(peer.exit() == .exited(code: 0))
        #expect(peer.lines.filter { $0.hasPrefix("line") } == (0..<40).map { "line \($0)" })
        #expect(peer.lines.filter { $0.hasPrefix("error") } == (0..<40).map { "error \($0)" })
        #expect(peer.lines.last == "last words")
    }

    @Test("a worker that writes more than a mebibyte in a second has to wait, and few of its lines are passed on")
    func flood() throws {
        // 1.2 MiB; a pipe holds 64 KiB.
        let peer = try Peer("print", "55000")
        #expect(peer.exit() == .exited(code: 0))
        #expect(peer.lines.contains { $0.hasSuffix(" lines were left out: more than 100 a second") })
        let (first, last) = (peer.process.startTime / 1_000_000_000, Clock.monotonicNanoseconds / 1_000_000_000)
        #expect(last > first)
        // In each second the limit and what was left out; then the last words.
        #expect(peer.lines.count <= 101 * Int(last - first + 1) + 1)
    }

    @Test("the processes that a worker has started end with the worker")
    func children() throws {
        let peer = try Peer("child")
        let child = try #require(peer.text().flatMap { Int32($0) })
        #expect(kill(child, 0) == 0)
        peer.process.kill()
        #expect(peer.exit() == .signalled(number: SIGKILL, dumpedCore: false))
        for _ in 0..<1000 where isAlive(child) { usleep(10_000) }
        #expect(!isAlive(child))
    }

    /// A process that has ended may wait for its parent to notice.
    private func isAlive(_ process: Int32) -> Bool {
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        return !text.contains(") Z ")
    }

    @Test("a worker ends when its host ends")
    func parentDeath() throws {
        // The peer is the host of another peer here.
        let peer = try Peer("host", Peer.executable())
        let grandchild = try #require(peer.text().flatMap { Int32($0) })
        #expect(isAlive(grandchild))
        kill(peer.process.pid, SIGKILL)
        #expect(peer.exit() == .signalled(number: SIGKILL, dumpedCore: false))
        for _ in 0..<1000 where isAlive(grandchild) { usleep(10_000) }
        #expect(!isAlive(grandchild))
    }

    @Test("the memory of a worker is known while it runs")
    func memory() throws {
        let peer = try Peer("memory", "\(64 << 20)")
        #expect(peer.text() == "full")
        let bytes = try #require(peer.process.memoryBytes)
        #expect(bytes > 64 << 20 && bytes < 400 << 20)
    }

    @Test("a worker that cannot be started is an error that says why")
    func failures() throws {
        func problem(_ executable: String, _ folder: String, _ limits: WorkerLimits = WorkerLimits()) throws -> String {
            let settings = WorkerProcess.Settings(
                executable: executable, arguments: [], name: "peer", folder: folder, limits: limits)
            do {
                _ = try WorkerProcess.start(settings, channel: try SharedChannel.create()) { _ in
                } onExit: { _ in
                }
                return "started"
            } catch { return "\(error)" }
        }
        let folder = Peer.newFolder()
        defer { rmdir(folder) }
        #expect(try problem("/no/such", folder) == "executing the worker (/no/such): No such file or directory")
        #expect(
            try problem("/bin/true", "/no/such/folder")
                == "making the working folder /no/such/folder: No such file or directory")
        symlink("/tmp", "\(folder)-link")
        defer { unlink("\(folder)-link") }
        #expect(
            try problem("/bin/true", "\(folder)-link")
                == "opening the working folder \(folder)-link: Not a directory")
    }

    @Test("a channel is adopted only by a process that a host has started")
    func adoption() {
        #expect(throws: ChannelError.self) { try WorkerProcess.adoptChannel(name: "test") }
    }
}
