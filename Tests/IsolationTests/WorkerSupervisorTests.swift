import Foundation
import Support
import Synchronization
import Testing

@testable import Isolation

@Suite("WorkerSupervisor", .serialized)
struct WorkerSupervisorTests {
    /// A plugin whose workers are peers.
    private final class Plugin: SupervisedWorker {
        let arguments: [String]
        let executable: String
        let isBusy = Mutex(false)
        let deaths = Mutex<[WorkerDeath]>([])
        let channels = Mutex<[SharedChannel]>([])
        private let folder = Peer.newFolder()

        init(_ arguments: String..., executable: String? = nil) throws {
            self.arguments = arguments
            self.executable = try executable ?? Peer.executable()
        }

        deinit { rmdir(folder) }

        func startWorker(onExit: @escaping @Sendable (WorkerProcess.Exit) -> Void) throws -> WorkerProcess {
            let channel = try SharedChannel.create()
            channels.withLock { $0.append(channel) }
            return try WorkerProcess.start(
                .init(executable: executable, arguments: arguments, name: "peer", folder: folder), channel: channel,
                onOutput: { _ in }, onExit: onExit)
        }

        func workerProgress() -> (isBusy: Bool, counter: UInt64) { (isBusy.withLock { $0 }, 1) }

        func workerEnded(_ death: WorkerDeath) { deaths.withLock { $0.append(death) } }

        var channel: SharedChannel? { channels.withLock { $0.last } }

        /// The death with this index; waits for it.
        func death(_ index: Int) -> WorkerDeath? {
            _ = until { deaths.withLock { $0.count > index } }
            return deaths.withLock { $0.count > index ? $0[index] : nil }
        }
    }

    private func supervisor(
        _ plugin: Plugin, _ change: (inout SupervisionPolicy.Limits) -> Void = { _ in }
    ) -> WorkerSupervisor {
        var limits = SupervisionPolicy.Limits()
        limits.firstBackOff = 2_000_000
        limits.longestBackOff = 20_000_000
        change(&limits)
        return WorkerSupervisor(plugin, limits: limits)
    }

    @Test("a worker that ends is started again and again, and each end is reported")
    func restarts() throws {
        let plugin = try Plugin("exit", "3")
        let supervisor = supervisor(plugin)
        supervisor.start()
        for number in 0..<6 {
            let death = try #require(plugin.death(number))
            #expect(death.exit == .exited(code: 3) && death.end.failures == number + 1 && death.pid > 0)
            #expect("\(death)".hasPrefix("worker \(death.pid) exited with code 3 after "))
        }
        supervisor.stop()
        #expect(until { supervisor.status.state == .stopped })
        #expect(supervisor.status.restarts >= 5 && supervisor.status.pid == 0)
    }

    @Test("a worker that is killed has a successor with a channel of its own")
    func killed() throws {
        let plugin = try Plugin("echo")
        let supervisor = supervisor(plugin)
        supervisor.start()
        for round in 0..<10 {
            #expect(until { plugin.channels.withLock { $0.count } == round + 1 })
            let channel = try #require(plugin.channel)
            #expect(channel.send(7, [1, 2]) == .written && channel.receive() == [1, 2])
            supervisor.ready()
            #expect(until { supervisor.status.pid > 0 })
            kill(supervisor.status.pid, SIGKILL)
            #expect(plugin.death(round)?.exit == .signalled(number: SIGKILL, dumpedCore: false))
        }
        supervisor.stop()
        #expect(until { supervisor.status.state == .stopped })
    }

    @Test("a worker that hangs is killed")
    func hang() throws {
        let plugin = try Plugin("memory", "1")
        let supervisor = supervisor(plugin) { $0.hangAfter = 50_000_000 }
        supervisor.start()
        #expect(until { plugin.channel != nil })
        #expect(plugin.channel?.receive() != nil)
        supervisor.ready()
        usleep(300_000)
        #expect(plugin.deaths.withLock { $0.count } == 0)
        plugin.isBusy.withLock { $0 = true }
        let death = try #require(plugin.death(0))
        guard case .hung(let time) = death.end.cause else {
            Issue.record("\(death)")
            return
        }
        #expect(time >= 50_000_000)
        #expect("\(death)".contains("ended by signal 9 (Killed) after "))
        #expect("\(death)".contains("it made no progress for "))
        supervisor.stop()
        #expect(until { supervisor.status.state == .stopped })
    }

    @Test("a worker that is not ready in time, uses too much memory or breaks the rules is killed")
    func kills() throws {
        let plugin = try Plugin("memory", "\(64 << 20)")
        let slow = supervisor(plugin) {
            $0.hangAfter = 4_000_000
            $0.startAfter = 30_000_000
        }
        slow.start()
        let first = try #require(plugin.death(0))
        if case .slowStart = first.end.cause {} else { Issue.record("\(first)") }
        slow.stop()
        #expect(until { slow.status.state == .stopped })

        let large = try Plugin("memory", "\(64 << 20)")
        let bounded = supervisor(large) {
            $0.hangAfter = 4_000_000
            $0.memoryBytes = 60 << 20
        }
        bounded.start()
        let second = try #require(large.death(0))
        if case .memory(let bytes) = second.end.cause { #expect(bytes > 60 << 20) } else { Issue.record("\(second)") }
        bounded.stop()
        #expect(until { bounded.status.state == .stopped })

        let liar = try Plugin("echo")
        let strict = supervisor(liar)
        strict.start()
        strict.broken("a lie")
        let third = try #require(liar.death(0))
        #expect(third.end.cause == .broken("a lie"))
        strict.stop()
        #expect(until { strict.status.state == .stopped })
    }

    @Test("a worker that cannot be started is tried again, and the reason is reported")
    func startProblem() throws {
        let plugin = try Plugin("echo", executable: "/no/such")
        let supervisor = supervisor(plugin)
        supervisor.start()
        let death = try #require(plugin.death(3))
        #expect(death.startProblem == "executing the worker (/no/such): No such file or directory")
        #expect("\(death)".hasPrefix("the worker could not be started: executing the worker (/no/such)"))
        supervisor.stop()
        #expect(until { supervisor.status.state == .stopped })
    }
}

/// Waits up to two minutes for a condition, and does not evaluate it again when it is true.
func until(_ condition: () -> Bool) -> Bool {
    for _ in 0..<120_000 {
        if condition() { return true }
        usleep(1000)
    }
    return false
}
