import CIsolation
import Glibc
import Support
import Synchronization
import Testing

@testable import Isolation

@Suite("SharedChannel")
struct SharedChannelTests {
    @Test("messages of every length arrive unchanged and in order, also around the end of the ring")
    func lengths() throws {
        let pair = try ChannelPair()
        for count in 0..<3000 {
            #expect(pair.host.send(7, id: UInt64(count), pattern(count % 1009, count)) == .written)
            guard case .message(let message) = pair.worker.read(until: .soon) else {
                Issue.record("no message \(count)")
                return
            }
            #expect(message.kind == 7 && message.id == UInt64(count) && message.slot == nil)
            #expect(Array(message.payload) == pattern(count % 1009, count))
        }
    }

    @Test("a message that is longer than the ring arrives whole")
    func longMessage() throws {
        let pair = try ChannelPair()
        let host = pair.host
        for count in [1009, 4096, 100_000, 3_000_000] {
            let bytes = pattern(count, count)
            let thread = TestThread { #expect(host.send(1, bytes) == .written) }
            #expect(pair.worker.receive() == bytes)
            #expect(thread.join())
        }
    }

    @Test("the longest message is messageLimit, and a longer one is refused")
    func longestMessage() throws {
        let pair = try ChannelPair(ringBytes: 1 << 20)
        let host = pair.host
        #expect(host.write(kind: 1, count: SharedChannel.messageLimit + 1, until: .soon) { _ in } == .tooLong)
        let thread = TestThread {
            #expect(
                host.write(kind: 1, count: SharedChannel.messageLimit, until: .soon) {
                    $0.initializeMemory(as: UInt8.self, repeating: 9)
                } == .written)
        }
        #expect(pair.worker.result() == "message 1 of \(SharedChannel.messageLimit)")
        #expect(thread.join())
    }

    @Test("short messages of other threads arrive between the parts of a long one, and each arrives whole")
    func interleaved() throws {
        let pair = try ChannelPair()
        let host = pair.host
        let long = pattern(200_000, 1)
        let threads = (0..<4).map { number in
            TestThread {
                for round in 0..<20 {
                    if number < 2 {
                        #expect(host.send(1, id: UInt64(number), long) == .written)
                    } else {
                        for _ in 0..<50 { #expect(host.send(2, pattern(100 + round, round)) == .written) }
                    }
                }
            }
        }
        var longs = 0
        var shorts = 0
        while longs < 40 || shorts < 2000 {
            guard case .message(let message) = pair.worker.read(until: .soon) else { break }
            if message.kind == 1 {
                longs += 1
                #expect(message.payload.elementsEqual(long))
            } else {
                shorts += 1
                #expect(message.payload.elementsEqual(pattern(message.payload.count, message.payload.count - 100)))
            }
        }
        #expect(longs == 40 && shorts == 2000)
        for thread in threads { #expect(thread.join()) }
    }

    @Test("a full ring refuses at once without a deadline, refuses after the deadline, and takes more when it was read")
    func full() throws {
        let pair = try ChannelPair()
        var count = 0
        while pair.host.trySend(1, pattern(500, count)) == .written { count += 1 }
        #expect(count == 4096 / 528)
        #expect(pair.host.write(kind: 1, count: 500, until: .past) { _ in } == .full)
        #expect(pair.host.write(kind: 1, count: 500, until: Clock.monotonicNanoseconds + 20_000_000) { _ in } == .full)
        #expect(pair.host.unreadBytes == count * 528)
        let host = pair.host
        let writer = TestThread { #expect(host.send(1, pattern(500, 99)) == .written) }
        for number in 0..<count { #expect(pair.worker.receive() == pattern(500, number)) }
        #expect(pair.worker.receive() == pattern(500, 99))
        #expect(writer.join())
        // What a long message has to leave unwritten is dropped by the reader.
        #expect(
            pair.host.write(kind: 1, count: 50_000, until: Clock.monotonicNanoseconds + 20_000_000) { _ in } == .full)
        let next = TestThread { #expect(host.send(2, pattern(5000, 3)) == .written) }
        #expect(pair.worker.receive() == pattern(5000, 3))
        #expect(next.join())
    }

    @Test("a reader times out")
    func timeout() throws {
        let pair = try ChannelPair()
        #expect(pair.worker.result(until: .past) == "timeout")
        #expect(pair.worker.result(until: Clock.monotonicNanoseconds + 5_000_000) == "timeout")
    }

    @Test("closing wakes a reader, a writer that waits for room, and a caller, on both sides")
    func closingWakes() throws {
        for closesHost in [true, false] {
            let pair = try ChannelPair()
            let (host, worker) = (pair.host, pair.worker)
            while worker.trySend(1, pattern(500, 0)) == .written {}
            let calling = try ChannelPair()
            let caller = calling.worker
            let threads = [
                TestThread { #expect(worker.result() == "closed") },
                TestThread { #expect(worker.send(1, pattern(500, 0)) == .closed) },
                TestThread {
                    let result = caller.call(kind: 1, count: 0, until: .soon, fill: { _ in }, reply: { _, _ in })
                    if case .closed = result {} else { Issue.record("\(result)") }
                },
            ]
            usleep(20_000)
            (closesHost ? host : worker).close()
            (closesHost ? calling.host : caller).close()
            for thread in threads { #expect(thread.join()) }
            #expect(host.send(1, []) == .closed && worker.send(1, []) == .closed)
        }
    }

    @Test("what a peer wrote before it closed or ended is still read")
    func drained() throws {
        for ends in [true, false] {
            let pair = try ChannelPair()
            #expect(pair.worker.send(1, [1]) == .written && pair.worker.send(2, [2]) == .written)
            if ends { pair.host.endPeer() } else { pair.worker.close() }
            #expect(pair.host.receive() == [1])
            #expect(pair.host.receive() == [2])
            #expect(pair.host.result() == "closed")
            #expect(pair.host.send(1, []) == .closed)
        }
    }

    @Test("a call gets its reply in the slot, or through the ring if it is long")
    func calls() throws {
        let pair = try ChannelPair(ringBytes: 1 << 16)
        let (host, worker) = (pair.host, pair.worker)
        let server = TestThread {
            while case .message(let message) = host.read(until: .soon), let slot = message.slot {
                let count = message.payload.load(as: Int.self)
                let reply = pattern(count, count)
                #expect(
                    reply.withUnsafeBytes { host.reply(to: slot, code: -Int32(count), $0, until: .soon) } == .written)
                // A second reply is ignored.
                #expect(host.reply(to: slot, code: 1) == .written)
            }
        }
        let reader = TestThread { #expect(worker.result() == "closed") }
        let callers = (0..<6).map { number in
            TestThread {
                for round in 0..<50 {
                    let count = [0, 1, SharedChannel.shortReplyLimit, SharedChannel.shortReplyLimit + 1, 90_000][
                        (round + number) % 5]
                    let result = worker.call(kind: 3, count: 8, until: .soon) {
                        $0.storeBytes(of: count, as: Int.self)
                    } reply: { code, bytes in
                        code == -Int32(count) && bytes.elementsEqual(pattern(count, count))
                    }
                    if case .replied(true) = result {} else { Issue.record("\(result)") }
                }
            }
        }
        for caller in callers { #expect(caller.join()) }
        worker.close()
        #expect(server.join() && reader.join())
    }

    @Test("a late reply reaches no other call, and its slot is used again afterwards")
    func lateReply() throws {
        let pair = try ChannelPair(slotCount: 1)
        let (host, worker) = (pair.host, pair.worker)
        func call(_ value: UInt8, _ deadline: Int64) -> String {
            let result = worker.call(kind: 1, count: 1, until: deadline) {
                $0[0] = value
            } reply: { code, _ in
                code
            }
            return "\(result)"
        }
        #expect(call(1, Clock.monotonicNanoseconds + 1_000_000) == "timeout")
        // The only slot waits for the late reply.
        #expect(call(2, Clock.monotonicNanoseconds + 1_000_000) == "timeout")
        guard case .message(let late) = host.read(until: .soon), let slot = late.slot else {
            Issue.record("no call")
            return
        }
        #expect(late.payload.elementsEqual([1]))
        host.reply(to: slot, code: 11)
        let server = TestThread {
            guard case .message(let message) = host.read(until: .soon), let next = message.slot else { return }
            #expect(next != slot && message.payload.elementsEqual([3]))
            host.reply(to: slot, code: 12)
            host.reply(to: next, code: 13)
        }
        #expect(call(3, .soon) == "replied(13)")
        #expect(server.join())
    }

    @Test("activity words are seen by the other side, after the end too")
    func activity() throws {
        let pair = try ChannelPair()
        pair.worker.setActivity(0, 7)
        pair.worker.setActivity(SharedChannel.activityCount - 1, .max)
        pair.worker.close()
        #expect(pair.host.activity(0) == 7 && pair.host.activity(SharedChannel.activityCount - 1) == .max)
    }

    @Test("the shared memory cannot be made shorter")
    func sealed() throws {
        let pair = try ChannelPair()
        #expect(ftruncate(pair.worker.descriptor, 4096) == -1 && errno == EPERM)
        #expect(ftruncate(pair.worker.descriptor, 1 << 30) == -1 && errno == EPERM)
    }

    @Test("what is no channel is not attached")
    func notAChannel() throws {
        let file = open("/dev/null", O_RDWR)
        defer { close(file) }
        #expect(throws: ChannelError.self) { try SharedChannel(attaching: file) }
        let memory = jf_shared_create("test", 8192)
        defer { close(memory) }
        #expect(throws: ChannelError.self) { try SharedChannel(attaching: memory) }
    }

    @Test(
        "a ring or a number of slots out of range is refused",
        arguments: [(1000, 4), (4097, 4), (4096, 0), (4096, 5000)])
    func badOptions(_ ringBytes: Int, _ slots: Int) {
        #expect(throws: ChannelError.self) { try ChannelPair(ringBytes: ringBytes, slotCount: slots) }
    }
}
