import SocketIO
import Support
import Synchronization
import Transport

/// What the threads of one plugin ask of one loop, in the order in which each thread asked it. The loop is told once
/// for everything that waits.
///
/// `@unchecked Sendable`: `incoming`, `held`, `unfinished` and `isNotified` are touched under `lock` only,
/// everything else by the loop only.
final class LoopMailbox: @unchecked Sendable {
    enum Kind: UInt8, BitwiseCopyable {
        case emit, ack, join, leave
        case task
    }

    /// Head of a record; then, for all but tasks, the lengths of the attachments as `UInt32` each and the bytes of
    /// name, text and attachments.
    struct Record: BitwiseCopyable {
        /// Of the whole record; see ``RecordBuffer``.
        var size: UInt32
        var kind: Kind
        /// ``EmitFlags``.
        var flags: UInt8
        var attachmentCount: UInt16
        var socket: SocketHandle
        /// The ack's id; for a task the ``LoopTask``, retained.
        var number: UInt64
        /// Of the event's name, or the room's.
        var nameCount: UInt32
        /// Of the arguments.
        var argsCount: UInt32
    }

    private let lock = Monitor()
    private var incoming = RecordBuffer()
    /// Bytes that the tasks among ``incoming`` hold beside their records.
    private var held = 0
    /// Bytes of what the loop has begun with and has not come to the end of in its first tick.
    private var unfinished = 0
    private var isNotified = false
    private var working = RecordBuffer()
    /// [loop] Offset of the next record of ``working``.
    private var offset = 0
    /// [loop] Bytes that the tasks among ``working`` hold.
    private var workingHeld = 0
    /// [loop] The record before ``offset`` began it, and what follows waits for its end.
    private var work: LoopWork?
    /// [loop] Whether the loop's share ended before ``working`` did.
    private var isCut = false
    /// [loop] Whether it is among those the loop goes on with.
    var isListed = false
    private let byteLimit: Int
    private let refusals = Atomic<UInt64>(0)

    init(byteLimit: Int) {
        self.byteLimit = byteLimit
    }

    deinit {
        incoming.release()
        working.release()
    }

    /// What found no room, ever.
    var refused: UInt64 { refusals.load(ordering: .relaxed) }

    /// Appends an operation on one socket.
    ///
    /// - Parameter promised: whether it must be taken even if the mailbox is full, because it completes
    ///   what is counted elsewhere.
    /// - Returns: whether the loop has to be told; `nil` if there is no room.
    func append(
        _ kind: Kind, socket: SocketHandle, number: UInt64 = 0, flags: EmitFlags = [], name: UnsafeRawBufferPointer,
        args: UnsafeRawBufferPointer = .init(start: nil, count: 0),
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), promised: Bool = false
    ) -> Bool? {
        var size = MemoryLayout<Record>.size + name.count + args.count
        for attachment in attachments { size += 4 + attachment.count }
        return append(size, promised) { record in
            let head = Record(
                size: record.load(as: UInt32.self), kind: kind, flags: flags.rawValue,
                attachmentCount: UInt16(truncatingIfNeeded: attachments.count),
                socket: socket, number: number, nameCount: UInt32(truncatingIfNeeded: name.count),
                argsCount: UInt32(truncatingIfNeeded: args.count))
            record.storeBytes(of: head, as: Record.self)
            var cursor = record + MemoryLayout<Record>.size
            for attachment in attachments {
                cursor.storeBytes(of: UInt32(truncatingIfNeeded: attachment.count), as: UInt32.self)
                cursor += 4
            }
            cursor = EventRecord.append(name, at: cursor)
            cursor = EventRecord.append(args, at: cursor)
            for attachment in attachments { cursor = EventRecord.append(attachment, at: cursor) }
        }
    }

    /// Bytes of a task and what it always holds, about.
    private static let taskCost = 256

    /// Appends work of any other kind. `bytes` is what it holds beside itself.
    func append(_ task: LoopTask, bytes: Int, promised: Bool = false) -> Bool? {
        let reference = Unmanaged.passRetained(task)
        let mustNotify = append(MemoryLayout<Record>.size, holding: bytes + Self.taskCost, promised) { record in
            let head = Record(
                size: record.load(as: UInt32.self), kind: .task, flags: 0, attachmentCount: 0, socket: 0,
                number: UInt64(UInt(bitPattern: reference.toOpaque())), nameCount: 0, argsCount: 0)
            record.storeBytes(of: head, as: Record.self)
        }
        if mustNotify == nil { reference.release() }
        return mustNotify
    }

    /// Whether work that holds so much would be taken now.
    func hasCapacity(_ bytes: Int) -> Bool {
        lock.withLock { isWithin(bytes) }
    }

    /// Whether `bytes` more are within the limit; one alone always is. Under the lock.
    private func isWithin(_ bytes: Int) -> Bool {
        let waiting = incoming.count + held + unfinished
        return waiting == 0 || waiting + bytes <= byteLimit
    }

    private func append(
        _ size: Int, holding bytes: Int = 0, _ promised: Bool, _ write: (UnsafeMutableRawPointer) -> Void
    ) -> Bool? {
        let isBatched = JobBatch.current != nil
        lock.lock()
        guard promised || isWithin(size + bytes) else {
            lock.unlock()
            refusals.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        write(incoming.append(size: size))
        held += bytes
        let mustNotify = !isNotified
        // Who tells it later, with what else it has, keeps nobody else from telling it at once.
        if !isBatched { isNotified = true }
        lock.unlock()
        return mustNotify
    }

    /// [loop] Runs what waits, oldest first, until `timeSlice` is used up. Records are valid for the call of `body`,
    /// which returns what it began and could not end.
    ///
    /// - Returns: whether something is left for the loop's next share.
    func drain(on shard: Shard, _ timeSlice: inout LoopTimeSlice, _ body: (UnsafePointer<Record>) -> LoopWork?) -> Bool
    {
        if !isCut { dequeueIncoming() }
        guard finishWorking(on: shard, &timeSlice, body) else {
            isCut = true
            lock.withLock {
                unfinished = working.count - offset + workingHeld
                // There will be another drain without anybody's telling.
                isNotified = true
            }
            return true
        }
        working.removeAll()
        offset = 0
        guard isCut else { return false }
        isCut = false
        return lock.withLock {
            unfinished = 0
            isNotified = !incoming.isEmpty
            return isNotified
        }
    }

    private func dequeueIncoming() {
        lock.withLock {
            swap(&incoming, &working)
            isNotified = false
            workingHeld = held
            held = 0
        }
    }

    /// - Returns: whether it came to the end.
    private func finishWorking(
        on shard: Shard, _ timeSlice: inout LoopTimeSlice, _ body: (UnsafePointer<Record>) -> LoopWork?
    ) -> Bool {
        while true {
            if let work {
                guard work.advance(on: shard, &timeSlice) else { return false }
                self.work = nil
            }
            guard offset < working.count, let base = working.base else { return true }
            guard !timeSlice.isUsedUp else { return false }
            let record = UnsafePointer((base + offset).assumingMemoryBound(to: Record.self))
            let size = RecordBuffer.size(of: record)
            offset &+= size
            if record.pointee.kind == .task {
                work = timeSlice.charge { body(record) }
            } else {
                timeSlice.chargeRecord(of: size)
                work = body(record)
            }
        }
    }
}

/// Work on a loop that is more than one packet for one socket.
final class LoopTask: Sendable {
    /// Does it, and returns what remains to be done in pieces.
    let run: @Sendable (LoopContext) -> LoopWork?

    init(_ run: @escaping @Sendable (LoopContext) -> LoopWork?) {
        self.run = run
    }
}

/// Work that goes over the sockets of a target in pieces, because all of them at once would hold the loop up. [loop]
///
/// The sockets are those that the target has when the work begins. One that goes before its turn is left out.
final class LoopWork {
    private let sockets: ContiguousArray<SocketHandle>
    private var next = 0
    private let each: (NamespaceSocket) -> Void
    private let finish: () -> Void

    /// The clock is read after so many sockets.
    private static let piece = 32

    /// - Parameters:
    ///   - each: called for one socket after the other.
    ///   - finish: called at the end.
    init(
        _ sockets: ContiguousArray<SocketHandle>, each: @escaping (NamespaceSocket) -> Void,
        finish: @escaping () -> Void = {}
    ) {
        self.sockets = sockets
        self.each = each
        self.finish = finish
    }

    /// Goes on until the share is used up.
    ///
    /// - Returns: whether it is done.
    func advance(on shard: Shard, _ timeSlice: inout LoopTimeSlice) -> Bool {
        while next < sockets.count {
            guard !timeSlice.isUsedUp else { return false }
            timeSlice.charge { run(on: shard, through: min(next + Self.piece, sockets.count)) }
        }
        finish()
        return true
    }

    /// All of it here and now, for a caller on the loop who goes on as if it were done.
    func run(on shard: Shard) {
        run(on: shard, through: sockets.count)
        finish()
    }

    private func run(on shard: Shard, through end: Int) {
        while next < end {
            if let socket = shard.socket(sockets[next]) { each(socket) }
            next += 1
        }
    }
}

/// What mailboxes may take of a loop's time before it writes what they made, looks at its
/// connections, and goes on with them.
struct LoopTimeSlice {
    /// Nanoseconds. Long enough that a broadcast to thousands, which is not cut, is the rule rather than the exception;
    /// far below what a client notices.
    private static let full: Int64 = 2_000_000
    /// What one record for one socket costs, about, in nanoseconds: too little to be measured each time. Its bytes are
    /// copied at some 8 a nanosecond.
    private static let recordCost: Int64 = 700

    private var left = Self.full

    var isUsedUp: Bool { left <= 0 }

    mutating func chargeRecord(of bytes: Int) { left -= Self.recordCost + Int64(bytes >> 3) }

    /// Charges the time that `body` takes.
    mutating func charge<Result>(_ body: () -> Result) -> Result {
        let start = Clock.monotonicNanoseconds
        defer { left -= Clock.monotonicNanoseconds - start }
        return body()
    }

    mutating func renew() { left = Self.full }
}
