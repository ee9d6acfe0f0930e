import CIsolation
import FuzzSupport
import Support

@testable import Isolation

/// A script of what a worker writes into its channel, and of what the host does meanwhile.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    guard var worker = try? HostileWorker() else { return 0 }
    var script = ByteScript(UnsafeRawBufferPointer(start: start, count: count))
    while !script.isAtEnd { worker.step(&script) }
    worker.readAll()
    return 0
}

/// A host, and a worker that writes to the shared memory without the code of a worker.
private struct HostileWorker {
    private static let ringBytes = 4096
    private static let slotCount = 4

    private let host: SharedChannel
    private let control: SharedMapping
    private let ring: SharedMapping
    private let words: ChannelLayout.RingWords
    private let hostWords: ChannelLayout.RingWords
    /// How many bytes a worker that keeps the rules has written.
    private var tail: UInt64 = 0
    /// What it has written and the host has not read; `nil` after it has broken a rule, or may have.
    private var expected: [[UInt8]]? = []
    private var slot: ReplySlot?
    private var isBroken = false

    init() throws {
        var options = SharedChannel.Options()
        options.ringBytes = Self.ringBytes
        options.slotCount = Self.slotCount
        options.spinNanoseconds = 0
        host = try SharedChannel.create(options)
        let layout = try ChannelLayout(ringBytes: Self.ringBytes, slotCount: Self.slotCount)
        control = try SharedMapping(host.descriptor, offset: 0, bytes: ChannelLayout.pageBytes)
        ring = try SharedMapping(
            host.descriptor, offset: layout.ring(from: .worker), bytes: Self.ringBytes, isRing: true)
        words = ChannelLayout.RingWords(control: control.start, from: .worker)
        hostWords = ChannelLayout.RingWords(control: control.start, from: .host)
    }

    mutating func step(_ script: inout ByteScript) {
        switch script.number(below: 9) {
        case 0: append(flags: 0, id: 0, script.bytes())
        case 1:
            expected = nil
            append(
                flags: UInt16(script.byte()), id: UInt64(script.byte()) << 32 | UInt64(script.byte()), script.bytes())
        case 2:
            expected = nil
            let offset = (Int(script.byte()) << 8 | Int(script.byte())) % Self.ringBytes
            let bytes = script.bytes()
            bytes.withUnsafeBytes {
                UnsafeMutableRawBufferPointer(start: ring.start + offset, count: 256).copyMemory(from: $0)
            }
        case 3:
            expected = nil
            tail &+= UInt64(script.byte()) << script.number(below: 64)
            jf_store64(words.tail, tail)
        case 4:
            expected = nil
            jf_store64(hostWords.head, UInt64(script.byte()) << script.number(below: 64))
        case 5: jf_store32(script.bool() ? words.readerSleeps : hostWords.writerWaits, UInt32(script.byte()))
        case 6:
            let count = script.number(below: 256) * 8
            let result = host.write(kind: 1, count: count, until: nil) { target in
                require(target.count == count, "a message has room for its payload")
                target.initializeMemory(as: UInt8.self, repeating: 1)
            }
            require(!isBroken || result == .broken || result == .full, "nothing is written to a broken channel")
        case 7:
            if let slot { host.reply(to: slot, code: 1, UnsafeRawBufferPointer(start: ring.start, count: 100)) }
        default: readAll()
        }
    }

    /// Writes a record as a worker that keeps the rules, if the host has read enough.
    private mutating func append(flags: UInt16, id: UInt64, _ payload: [UInt8]) {
        let size = RecordFormat.padded(RecordFormat.headBytes + payload.count)
        guard tail &+ UInt64(size) &- jf_load64(words.head) <= UInt64(Self.ringBytes) else { return }
        let place = ring.start + Int(tail & UInt64(Self.ringBytes - RecordFormat.alignment))
        jf_record_head_write(
            place,
            jf_record_head(
                size: UInt32(RecordFormat.headBytes + payload.count), kind: 1, flags: flags, id: id))
        payload.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(start: place + RecordFormat.headBytes, count: 256).copyMemory(from: $0)
        }
        tail &+= UInt64(size)
        jf_store64(words.tail, tail)
        expected?.append(payload)
    }

    mutating func readAll() {
        while true {
            switch host.read(until: 0) {
            case .message(let message):
                require(!isBroken, "a broken channel has no messages")
                withExactCopy(of: Array(message.payload)) { _ in }
                if let slot = message.slot { self.slot = slot }
                guard expected != nil else { continue }
                require(expected?.isEmpty == false, "a message was written before it is read")
                require(expected?.removeFirst() == Array(message.payload), "a message arrives unchanged and in order")
            case .timeout:
                require(expected?.isEmpty != false, "a message that was written is read")
                return
            case .closed: return require(false, "nothing closes the channel")
            case .broken:
                require(expected == nil, "a worker that keeps the rules does not break the channel")
                isBroken = true
                return
            }
        }
    }
}
