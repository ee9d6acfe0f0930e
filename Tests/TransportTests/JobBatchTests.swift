import Synchronization
import Testing

@testable import Transport

@Suite
struct JobBatchTests {
    @Test("the jobs of a batch start in order after its call, and a nested call joins the outer batch")
    func order() async throws {
        try await TestServer.run(loops: 2) { test in
            let done = Mutex<[Int]>([])
            JobBatch.run {
                for number in 0..<10 {
                    if number == 5 {
                        JobBatch.run { test.loops.all[0].execute { _ in done.withLock { $0.append(number) } } }
                    } else {
                        test.loops.all[0].execute { _ in done.withLock { $0.append(number) } }
                    }
                }
                test.loops.all[1].execute { _ in done.withLock { $0.append(100) } }
                #expect(done.withLock { $0.isEmpty })
            }
            for loop in test.loops.all { try await loop.eventLoop.submit {}.get() }
            #expect(done.withLock { $0 }.filter { $0 < 100 } == Array(0..<10))
            #expect(done.withLock { $0 }.contains(100))
        }
    }

    @Test("each owner is notified once, after the call")
    func notifications() {
        final class Owner {}
        let (first, second) = (Owner(), Owner())
        var reminded: [String] = []
        JobBatch.run {
            JobBatch.current?.notifyAtEnd(first) { reminded.append("first") }
            JobBatch.current?.notifyAtEnd(second) { reminded.append("second") }
            JobBatch.current?.notifyAtEnd(first) { reminded.append("first again") }
            #expect(reminded.isEmpty)
        }
        #expect(reminded == ["first", "second"])
        #expect(JobBatch.current == nil)
    }
}
