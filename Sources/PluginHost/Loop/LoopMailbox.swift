import SocketIO
import Support
import Synchronization
import Transport

/// The work that the threads of one plugin enqueue for one loop; each thread's work stays in order. The loop is
/// notified once for everything that waits.
///
/// `@unchecked Sendable`: `incoming`, `held`, `unfinished` and `isNotified` are used under `lock` only, everything else
/// by the loop only.
final class LoopMailbox: @unchecked Sendable {
    enum Kind: UInt8, BitwiseCopyable {
        case emit, ack, join, leave
        case task
    }

    /// Head of a record. After it, for all kinds but tasks: the lengths of the attachments as `UInt32` each, then the
    /// bytes of name, arguments and attachments.
    struct Record: BitwiseCopyable {
        /// Of the whole record; see ``RecordBuffer``.
        var size: UInt32
        var kind: Kind
        /// ``EmitFlags``.
        var flags: UInt8
        var attachmentCount: UInt16
        var socket: SocketHandle
        /// The ack's id; for a task the retained ``LoopTask``.
        var number: UInt64
        /// Length of the event's or the room's name.
        var nameCount: UInt32
        /// Length of the arguments.
        var argsCount: UInt32
    }

    private let lock = Monitor()
    private var incoming = RecordBuffer()
    /// Bytes that the tasks in ``incoming`` hold in addition to their records.
    private var held = 0
    /// Bytes of a batch that the loop has begun and whose time slice ended before it was done.
    private var unfinished = 0
    private var isNotified = false
    private var working = RecordBuffer()
    /// [loop] Offset of the next record in ``working``.
    private var offset = 0
    /// [loop] Bytes that the tasks in ``working`` hold.
    private var workingHeld = 0
    /// [loop] The unfinished work of the record before ``offset``; the next record waits for its end.
    private var work: LoopWork?
    /// [loop] Whether the time slice ended before ``working`` was done.
    private var isCut = false
    /// [loop] Whether the loop's list of mailboxes with work contains this one.
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

    /// Operations refused because the mailbox was full, ever.
    var refused: UInt64 { refusals.load(ordering: .relaxed) }

    /// Appends an operation on one socket.
    ///
    /// - Parameter promised: whether it is accepted even if the mailbox is full, because another limit bounds it.
    /// - Returns: whether the loop must be notified; `nil` if the mailbox is full.
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

    /// Approximate bytes of a task and its closure.
    private static let taskCost = 256

    /// Appends a task. `bytes` is the memory that it holds in addition to itself.
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

    /// Whether a task that holds this many bytes would be accepted now.
    func hasCapacity(_ bytes: Int) -> Bool {
        lock.withLock { isWithin(bytes) }
    }

    /// Whether `bytes` more are within the limit; an empty mailbox accepts any size. Under the lock.
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
        // A deferred notification (`JobBatch`) must not suppress another thread's immediate one.
        if !isBatched { isNotified = true }
        lock.unlock()
        return mustNotify
    }

    /// [loop] Runs the records, oldest first, until `timeSlice` is used up. A record is valid for the call of `body`,
    /// which returns the work that it could not finish.
    ///
    /// - Returns: whether records are left for the next time slice.
    func drain(on shard: Shard, _ timeSlice: inout LoopTimeSlice, _ body: (UnsafePointer<Record>) -> LoopWork?) -> Bool
    {
        if !isCut { dequeueIncoming() }
        guard finishWorking(on: shard, &timeSlice, body) else {
            isCut = true
            lock.withLock {
                unfinished = working.count - offset + workingHeld
                // The loop drains again without a notification.
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

    /// - Returns: whether all records of ``working`` are done.
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

/// Work for a loop that is more than one packet for one socket.
final class LoopTask: Sendable {
    /// Runs the task, and returns the rest that is to be done in slices.
    let run: @Sendable (LoopContext) -> LoopWork?

    init(_ run: @escaping @Sendable (LoopContext) -> LoopWork?) {
        self.run = run
    }
}

/// Work for each socket of a target, done in slices, because all sockets at once would block the loop too long. [loop]
///
/// The sockets are those that the target has when the work begins. A socket that disconnects before its turn is
/// skipped.
final class LoopWork {
    private let sockets: ContiguousArray<SocketHandle>
    private var next = 0
    private let each: (NamespaceSocket) -> Void
    private let finish: () -> Void

    /// Number of sockets between two readings of the clock.
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

    /// Continues until the time slice is used up.
    ///
    /// - Returns: whether the work is done.
    func advance(on shard: Shard, _ timeSlice: inout LoopTimeSlice) -> Bool {
        while next < sockets.count {
            guard !timeSlice.isUsedUp else { return false }
            timeSlice.charge { run(on: shard, through: min(next + Self.piece, sockets.count)) }
        }
        finish()
        return true
    }

    /// Does all of the work at once, for a caller on the loop that relies on its being done.
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

/// The time that mailboxes may use on a loop before it writes its output and polls its connections.
struct LoopTimeSlice {
    /// Nanoseconds. Long enough for one broadcast to thousands of sockets, which is not split; far below what a client
    /// notices.
    private static let full: Int64 = 2_000_000
    /// Approximate cost of one record for one socket, in nanoseconds: too short to be measured each time. Copying its
    /// bytes is charged at 8 bytes a nanosecond.
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
