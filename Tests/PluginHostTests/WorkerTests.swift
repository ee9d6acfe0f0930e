import Foundation
import Glibc
import Testing

@testable import PluginHost

/// Plugins in worker processes, in every mode of the test run.
@Suite("Worker processes")
struct WorkerTests {
    private func loaded(_ worker: WorkerOptions = WorkerOptions(), config: String = "{}") async throws
        -> (test: TestHost, client: TestClient)
    {
        var options = HostOptions()
        options.workerExecutable = Fixture.built("jackfield")
        let test = try TestHost(options)
        var worker = worker
        worker.longestBackOff = 100
        try await test.host.load(
            PluginSpec(
                path: try Fixture.library("worker"), config: Array(config.utf8), isolation: .process, worker: worker))
        return (test, test.client())
    }

    private static let interrupted =
        #"[{"error":{"code":"unavailable","message":"the service 'worker' was interrupted; try again later"}}]"#

    private func pid(_ client: TestClient) -> Int32 {
        Int32(client.ask(#"29["pid"]"#).map { $0.dropFirst(3).dropLast() } ?? "") ?? 0
    }

    @Test("a crash of the worker costs the client one answer, which says so, and the next event reaches a new worker")
    func crash() async throws {
        let (test, client) = try await loaded()
        let first = pid(client)
        #expect(first > 0 && first != getpid())
        #expect(client.ask(#"21["die"]"#) == "31\(Self.interrupted)")
        let second = pid(client)
        #expect(second > 0 && second != first)
        let line = try #require(test.log.line(with: "the worker process ended by signal 6"))
        #expect(line.contains("while it ran the handler of 'die' of '/'"), "\(line)")
        #expect(line.contains("1 callbacks were lost; the next one starts in"), "\(line)")
        // The host counts a start when the new worker has started, which may be after its first callback.
        for _ in 0..<500 where test.host.status[0].worker?.restarts != 1 || !test.host.notReady.isEmpty {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(test.host.status[0].worker?.restarts == 1)
        #expect(test.host.status[0].worker?.exits.map { "\($0.reason) \($0.count)" } == ["signal 1"])
        #expect(test.host.notReady == [])
        await test.stop()
    }

    @Test("a plugin that ends its process, as a panic of Go does, costs the client one answer as well")
    func exit() async throws {
        let (test, client) = try await loaded()
        #expect(client.ask(#"21["leave"]"#) == "31\(Self.interrupted)")
        #expect(pid(client) > 0)
        #expect(test.log.line(with: "the worker process exited with code 2 while it ran the handler of 'leave'") != nil)
        #expect(test.host.status[0].worker?.exits.map { "\($0.reason) \($0.count)" } == ["exit 1"])
        await test.stop()
    }

    @Test("a kept ack is answered when the worker ends, and its token is not kept any more")
    func keptTokens() async throws {
        let (test, client) = try await loaded()
        client.say(#"21["keep"]"#)
        let first = pid(client)
        #expect(test.host.status[0].keptTokens == 1)
        kill(first, SIGKILL)
        #expect(client.hear() == "31\(Self.interrupted)")
        #expect(test.host.status[0].keptTokens == 0)
        await test.stop()
    }

    @Test("events that come while there is no worker wait for the next one, in order")
    func queued() async throws {
        let (test, client) = try await loaded()
        let first = pid(client)
        for _ in 0..<5 {
            let before = pid(client)
            kill(before, SIGKILL)
            while test.host.status[0].worker?.process == before { usleep(1_000) }
            for id in 1...50 { client.say("2\(id)[\"pid\"]") }
            for id in 1...50 {
                let answer = client.hear()
                #expect(answer?.hasPrefix("3\(id)[") == true && answer != "3\(id)[\(before)]", "\(answer ?? "nothing")")
            }
        }
        #expect(pid(client) != first)
        #expect(test.host.status[0].queued == 0)
        await test.stop()
    }

    @Test("a worker whose callback hangs is killed and replaced")
    func hang() async throws {
        var worker = WorkerOptions()
        worker.hangAfter = 300
        let (test, client) = try await loaded(worker)
        #expect(client.ask(#"21["hang"]"#) == "31\(Self.interrupted)")
        #expect(pid(client) > 0)
        #expect(
            test.log.line(with: "while it ran the handler of 'hang' of '/'")?.contains("made no progress for") == true)
        #expect(test.host.status[0].worker?.exits.map { "\($0.reason) \($0.count)" } == ["hang 1"])
        await test.stop()
    }

    @Test("a worker that uses more memory than its limit is killed and replaced")
    func memory() async throws {
        var worker = WorkerOptions()
        worker.memoryLimit = 200 << 20
        let (test, client) = try await loaded(worker)
        client.say(#"21["grow"]"#)
        #expect(client.hear(within: 20_000) == "31\(Self.interrupted)")
        #expect(test.log.line(with: "bytes of memory, and was killed") != nil)
        #expect(test.host.status[0].worker?.exits.map { "\($0.reason) \($0.count)" } == ["memory 1"])
        await test.stop()
    }

    @Test("a file that declares something else is not put in the place of the worker, and /readyz says so")
    func otherDeclarations() async throws {
        let file = NSTemporaryDirectory() + "jackfield-worker-\(getpid())-more"
        defer { unlink(file) }
        let (test, client) = try await loaded(config: #"{"file":"\#(file)"}"#)
        try Data().write(to: URL(fileURLWithPath: file))
        kill(pid(client), SIGKILL)
        #expect(await test.log.waitForLine(with: "the worker process was not replaced: the file now declares") != nil)
        #expect(test.host.notReady.first?.contains("the file now declares something else") == true)
        await test.stop()
    }

    @Test("a crash in create fails the load, and the error says so")
    func crashInCreate() async throws {
        var options = HostOptions()
        options.workerExecutable = Fixture.built("jackfield")
        let test = try TestHost(options)
        let path = try Fixture.library("worker", named: "dies", "CREATE_DIES")
        do {
            try await test.host.load(PluginSpec(path: path, isolation: .process))
            Issue.record("it was loaded")
        } catch {
            #expect(error.kind == .failed)
            #expect(error.problem.contains("ended by signal 6"), "\(error.problem)")
        }
        await test.stop()
    }

    @Test("a plugin with a handshake hook is not loaded, and the error says why")
    func handshake() async throws {
        var options = HostOptions()
        options.workerExecutable = Fixture.built("jackfield")
        let test = try TestHost(options)
        // In both modes with its hook.
        let path = try Fixture.build(
            "\(Fixture.root)/Tests/Fixtures/host/streams.c", as: "streams-handshake", [])
        do {
            try await test.host.load(PluginSpec(path: path, isolation: .process))
            Issue.record("it was loaded")
        } catch {
            #expect(error.kind == .incompatible && error.problem.hasPrefix("has a handshake hook"), "\(error.problem)")
        }
        await test.stop()
    }

    @Test("a worker has a folder of its own as its working directory, which no other user can read")
    func folder() async throws {
        let (test, client) = try await loaded()
        let answer = try #require(client.ask(#"21["folder"]"#))
        let path = String(answer.dropFirst(4).dropLast(2))
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o700, "\(answer)")
        #expect(path.hasSuffix("/worker-\(path.split(separator: "-").last ?? "")"), "\(path)")
        await test.stop()
    }
}
