import CIsolation
import Glibc
import Support
import Synchronization
import Testing

@testable import Isolation

/// The shared memory of a channel, as a hostile worker sees it.
private struct SharedBytes: @unchecked Sendable {
    // The mappings live as long as this value; the tests write to them from several threads, as a worker would.
    private let control: SharedMapping
    private let outgoing: SharedMapping
    private let slotMapping: SharedMapping
    let layout: ChannelLayout

    init(_ channel: SharedChannel, ringBytes: Int, slotCount: Int) throws {
        layout = try ChannelLayout(ringBytes: ringBytes, slotCount: slotCount)
        control = try SharedMapping(channel.descriptor, offset: 0, bytes: ChannelLayout.pageBytes)
        outgoing = try SharedMapping(channel.descriptor, offset: layout.ring(from: .worker), bytes: ringBytes)
        slotMapping = try SharedMapping(channel.descriptor, offset: layout.slots, bytes: layout.slotBytes)
    }

    /// The words of the ring to the host.
    var words: ChannelLayout.RingWords { .init(control: control.start, from: .worker) }
    /// The words of the ring from the host.
    var hostWords: ChannelLayout.RingWords { .init(control: control.start, from: .host) }
    /// The bytes of the ring to the host.
    var ring: UnsafeMutableRawPointer { outgoing.start }
    var slots: UnsafeMutableRawPointer { slotMapping.start }
    var page: UnsafeMutableRawPointer { control.start }

    /// Writes the head of a record.
    func writeHead(at offset: Int, size: UInt32, kind: UInt16 = 1, flags: UInt16 = 0, id: UInt64 = 0) {
        jf_record_head_write(ring + offset, jf_record_head(size: size, kind: kind, flags: flags, id: id))
    }

    func setTail(_ value: UInt64) { jf_store64(words.tail, value) }
}

@Suite("A hostile peer")
struct HostilePeerTests {
    private let host: SharedChannel
    private let memory: SharedBytes

    init() throws {
        var options = SharedChannel.Options()
        options.ringBytes = 4096
        options.slotCount = 4
        host = try SharedChannel.create(options)
        memory = try SharedBytes(host, ringBytes: 4096, slotCount: 4)
    }

    /// Checks that the host finds the channel broken, and that it stays so.
    private func expectBroken(_ reason: String, _ location: SourceLocation = #_sourceLocation) {
        #expect(host.result() == "broken: \(reason)", sourceLocation: location)
        #expect(host.result() == "broken: \(reason)", sourceLocation: location)
        #expect(host.trySend(1, [1]) == .broken, sourceLocation: location)
        #expect(host.brokenReason == reason, sourceLocation: location)
    }

    @Test(
        "a writing position beyond the ring breaks the channel",
        arguments: [4112, 1 << 32, .max - 15, .max] as [UInt64])
    func tailBeyond(_ tail: UInt64) {
        memory.setTail(tail)
        expectBroken("it set its writing position to \(tail) when 0 had been read of a ring of 4096")
    }

    @Test("a writing position that goes backwards breaks the channel")
    func tailBackwards() {
        memory.writeHead(at: 0, size: 32)
        memory.setTail(32)
        #expect(host.result() == "message 1 of 16")
        memory.setTail(16)
        expectBroken("it set its writing position to 16 when 32 had been read of a ring of 4096")
    }

    @Test("a writing position that is not aligned breaks the channel")
    func tailUnaligned() {
        memory.setTail(24)
        expectBroken("it set its writing position to 24 when 0 had been read of a ring of 4096")
    }

    @Test(
        "a record with an impossible size breaks the channel",
        arguments: [0, 1, 15, 49, 4096, 1 << 31, .max] as [UInt32])
    func size(_ size: UInt32) {
        memory.writeHead(at: 0, size: size)
        memory.setTail(48)
        expectBroken("it wrote a record of \(size) bytes where 48 bytes are")
    }

    @Test("a record that is longer than records may be breaks the channel, although it fits into the ring")
    func longRecord() {
        memory.writeHead(at: 0, size: 1040)
        memory.setTail(2048)
        expectBroken("it wrote a record of 1040 bytes where 2048 bytes are")
    }

    @Test("unknown and contradictory flags break the channel", arguments: [3, 16, 0x8000, 0xffff] as [UInt16])
    func flags(_ flags: UInt16) {
        memory.writeHead(at: 0, size: 32, flags: flags)
        memory.setTail(32)
        expectBroken("it wrote a record with the flags \(flags)")
    }

    @Test("a message in parts that has no beginning, a wrong length or other parts breaks the channel")
    func parts() throws {
        let first = RecordFormat.Flags.first.rawValue
        let following = RecordFormat.Flags.following.rawValue
        func expect(_ reason: String, _ records: [(count: Int, kind: UInt16, flags: UInt16, length: UInt64)]) throws {
            let other = try HostilePeerTests()
            var offset = 0
            for record in records {
                other.memory.writeHead(
                    at: offset, size: UInt32(16 + record.count), kind: record.kind, flags: record.flags)
                jf_store64(other.memory.ring + offset + 16, record.length)
                offset += RecordFormat.padded(16 + record.count)
            }
            other.memory.setTail(UInt64(offset))
            other.expectBroken(reason)
        }
        try expect("it continued a message that it had not begun", [(16, 1, following, 0)])
        try expect("it began a message with 8 bytes", [(8, 1, first, 100)])
        try expect("it began a message with 0 bytes", [(0, 1, first, 100)])
        try expect("it began a message of 8 bytes with 8 bytes", [(16, 1, first, 8)])
        try expect(
            "it began a message of \(UInt64.max) bytes with 8 bytes", [(16, 1, first, .max)])
        try expect(
            "it began a message of \(SharedChannel.messageLimit + 1) bytes with 8 bytes",
            [(16, 1, first, UInt64(SharedChannel.messageLimit + 1))])
        try expect(
            "it continued a message of 20 bytes beyond its end, or with nothing",
            [(16, 1, first, 20), (13, 1, following, 0)])
        try expect(
            "it continued a message of 20 bytes beyond its end, or with nothing",
            [(16, 1, first, 20), (0, 1, following, 0)])
        try expect(
            "it continued a message that it had not begun", [(16, 1, first, 20), (12, 2, following, 0)])
        // After the last part there is nothing to continue.
        let other = try HostilePeerTests()
        for (offset, count, flags) in [(0, 16, first), (32, 12, following), (64, 12, following)] {
            other.memory.writeHead(at: offset, size: UInt32(16 + count), flags: flags)
        }
        jf_store64(other.memory.ring + 16, 20)
        other.memory.setTail(96)
        #expect(other.host.result() == "message 1 of 20")
        other.expectBroken("it continued a message that it had not begun")
    }

    @Test("a call with an impossible slot, or a second call in a slot, breaks the channel")
    func slots() throws {
        let call = RecordFormat.Flags.call.rawValue
        memory.writeHead(at: 0, size: 16, flags: call, id: ReplySlot(index: 3, generation: 7).id)
        memory.writeHead(at: 16, size: 16, flags: call, id: ReplySlot(index: 3, generation: 8).id)
        memory.setTail(32)
        #expect(host.result() == "message 1 of 0")
        expectBroken("it made a call with the reply slot 3, whose last call has no reply yet")
        for slot in [ReplySlot(index: 4, generation: 1), ReplySlot(index: .max, generation: 1)] {
            let other = try HostilePeerTests()
            other.memory.writeHead(at: 0, size: 16, flags: call, id: slot.id)
            other.memory.setTail(16)
            other.expectBroken("it made a call with the reply slot \(slot.index) of 4, call 1")
        }
        let other = try HostilePeerTests()
        other.memory.writeHead(at: 0, size: 16, flags: call, id: ReplySlot(index: 0, generation: 0).id)
        other.memory.setTail(16)
        other.expectBroken("it made a call with the reply slot 0 of 4, call 0")
    }

    @Test("a reply from the worker breaks the channel")
    func reply() {
        memory.writeHead(at: 0, size: 32, flags: RecordFormat.Flags.reply.rawValue)
        memory.setTail(32)
        expectBroken("it wrote a reply")
    }

    @Test("a reading position that was never written, or goes backwards, breaks the channel")
    func head() throws {
        while host.trySend(1, pattern(900, 0)) == .written {}
        jf_store64(memory.hostWords.head, 1 << 40)
        #expect(host.trySend(1, pattern(900, 0)) == .broken)
        #expect(host.result() == "broken: it set its reading position to \(1 << 40), between 0 and 3712 is valid")
        let other = try HostilePeerTests()
        while other.host.trySend(1, pattern(900, 0)) == .written {}
        jf_store64(other.memory.hostWords.head, 928)
        #expect(other.host.trySend(1, pattern(900, 0)) == .written)
        jf_store64(other.memory.hostWords.head, 912)
        #expect(other.host.trySend(1, pattern(900, 0)) == .broken)
    }

    @Test("a payload does not change after it was read, whatever the worker writes")
    func copied() {
        memory.writeHead(at: 0, size: 48)
        memset(memory.ring + 16, 7, 32)
        memory.setTail(48)
        guard case .message(let message) = host.read(until: .soon) else {
            Issue.record("no message")
            return
        }
        memset(memory.ring, 9, 4096)
        #expect(message.payload.elementsEqual([UInt8](repeating: 7, count: 32)))
    }

    @Test("a worker that clears or sets the sleep words only delays its own messages")
    func sleepWords() {
        let (host, memory) = (host, memory)
        let isOver = Mutex(false)
        let liar = TestThread {
            var value: UInt32 = 0
            while !isOver.withLock({ $0 }) {
                value &+= 1
                jf_store32(memory.words.readerSleeps, value % 3)
                jf_store32(memory.hostWords.writerWaits, value % 2)
            }
        }
        #expect(host.result(until: Clock.monotonicNanoseconds + 20_000_000) == "timeout")
        while host.trySend(1, pattern(900, 0)) == .written {}
        #expect(host.write(kind: 1, count: 900, until: Clock.monotonicNanoseconds + 20_000_000) { _ in } == .full)
        let reader = TestThread { #expect(host.result() == "closed") }
        let writer = TestThread { #expect(host.send(1, pattern(900, 0)) == .closed) }
        usleep(10_000)
        host.close()
        #expect(reader.join() && writer.join())
        isOver.withLock { $0 = true }
        #expect(liar.join())
    }

    @Test("a worker that overwrites everything while the host reads, writes and replies harms only its channel")
    func scribble() throws {
        var messages = 0
        var broken = 0
        for seed in 0..<1000 {
            let other = try HostilePeerTests()
            let scribbler = Scribbler(other.memory, seed: UInt64(seed))
            let thread = TestThread { scribbler.run() }
            var isOver = false
            for round in 0..<300 where !isOver {
                switch other.host.read(until: Clock.monotonicNanoseconds + 100_000) {
                case .message(let message):
                    messages += 1
                    // Every byte of the payload can be read.
                    var sum = 0
                    for byte in message.payload { sum &+= Int(byte) }
                    if let slot = message.slot { other.host.reply(to: slot, code: Int32(truncatingIfNeeded: sum)) }
                case .timeout: break
                case .closed, .broken:
                    broken += 1
                    isOver = true
                }
                _ = other.host.trySend(1, pattern(round % 200, round))
                _ = other.host.unreadBytes
            }
            scribbler.stop()
            #expect(thread.join())
        }
        // On an idle machine there are thousands of messages, and most channels are broken.
        #expect(messages > 0 && broken > 0, "\(messages) messages, \(broken) broken channels")
    }
}

/// Writes random and half-valid bytes over all shared memory that a worker can write to.
private final class Scribbler: Sendable {
    private let memory: SharedBytes
    private let seed: UInt64
    private let isStopped = Atomic<Bool>(false)

    init(_ memory: SharedBytes, seed: UInt64) {
        self.memory = memory
        self.seed = seed
    }

    func stop() { isStopped.store(true, ordering: .relaxed) }

    func run() {
        var state = seed
        func random() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 31
        }
        func offset(_ bytes: Int, _ alignment: Int) -> Int { Int(random()) % (bytes / alignment) * alignment }
        var tail: UInt64 = 0
        while !isStopped.load(ordering: .relaxed) {
            switch random() % 400 {
            case 0: jf_store64(memory.ring + offset(4096, 8), random() << 31 | random())
            case 1: jf_store64(memory.hostWords.head, random() % 8192)
            case 2: memory.setTail(random() << 31)
            case 3: jf_store64(memory.page + offset(4096, 8), random())
            case 4..<40: jf_store64(memory.slots + offset(memory.layout.slotBytes, 8), random())
            case 40..<60: jf_store32(memory.words.readerSleeps, UInt32(random() % 3))
            case 60..<80:
                // As a worker that reads everything.
                jf_store64(memory.hostWords.head, jf_load64(memory.hostWords.tail))
            default:
                // A record that is mostly valid, behind the last one.
                let size = UInt32(16 + random() % 200)
                let flags = random() % 20 == 0 ? random() % 16 : random() % 5 == 0 ? 4 : 0
                let id =
                    flags == 4 ? ReplySlot(index: UInt16(random() % 4), generation: UInt32(random() % 50 + 1)).id : 0
                let next = tail + UInt64(RecordFormat.padded(Int(size)))
                guard next &- jf_load64(memory.words.head) <= 4096 else { continue }
                memory.writeHead(at: Int(tail % 4096), size: size, flags: UInt16(flags), id: id)
                tail = next
                memory.setTail(tail)
            }
        }
    }
}
