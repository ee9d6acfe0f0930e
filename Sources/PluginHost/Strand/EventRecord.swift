import SocketIO

/// An event in a strand's queue: this head, then the lengths of the attachments as `UInt32` each, then the bytes of
/// namespace, name, arguments, user, socket id and attachments. `jf_event` points into the record.
struct EventRecord: BitwiseCopyable {
    /// Of the whole record; see ``RecordBuffer``.
    var size: UInt32
    var kind: Strand.RecordKind
    var flags: Flags
    var attachmentCount: UInt16
    /// An ``EventRoute``; routes live as long as their plugin, which is never freed.
    var route: UnsafeRawPointer
    var socket: SocketHandle
    var connection: UInt64
    var ackID: UInt64
    var namespaceCount: UInt32
    var nameCount: UInt32
    var argsCount: UInt32
    var userCount: UInt32

    struct Flags: OptionSet, BitwiseCopyable {
        let rawValue: UInt8

        /// The client waits for an ack.
        static let wantsAck = Flags(rawValue: 1 << 0)
        /// The sender was charged for it; see ``QueueBudget/Verdict/charged``.
        static let isCharged = Flags(rawValue: 1 << 1)
    }

    /// The size in bytes of a record for these parts.
    @inline(__always)
    static func size(
        _ event: borrowing IncomingEvent, namespace: UnsafeRawBufferPointer, user: UnsafeRawBufferPointer
    ) -> Int {
        var size =
            MemoryLayout<EventRecord>.size &+ namespace.count &+ event.name.count &+ event.args.count &+ user.count
            &+ NamespaceSocket.idLength
        for attachment in event.attachments { size &+= 4 &+ attachment.count }
        return size
    }

    /// Writes the record into a buffer of ``size(_:namespace:user:)`` bytes, whose first four already hold its length.
    @inline(__always)
    static func write(
        _ event: borrowing IncomingEvent, to record: UnsafeMutableRawPointer, route: UnsafeRawPointer,
        socket: SocketHandle, connection: UInt64,
        flags: Flags, namespace: UnsafeRawBufferPointer, user: UnsafeRawBufferPointer, id: UnsafeRawBufferPointer
    ) {
        let head = EventRecord(
            size: record.load(as: UInt32.self), kind: .event, flags: flags,
            attachmentCount: UInt16(truncatingIfNeeded: event.attachments.count), route: route, socket: socket,
            connection: connection,
            ackID: event.ackID ?? 0,
            namespaceCount: UInt32(truncatingIfNeeded: namespace.count),
            nameCount: UInt32(truncatingIfNeeded: event.name.count),
            argsCount: UInt32(truncatingIfNeeded: event.args.count), userCount: UInt32(truncatingIfNeeded: user.count))
        record.storeBytes(of: head, as: EventRecord.self)
        var cursor = record + MemoryLayout<EventRecord>.size
        for attachment in event.attachments {
            cursor.storeBytes(of: UInt32(truncatingIfNeeded: attachment.count), as: UInt32.self)
            cursor += 4
        }
        cursor = append(namespace, at: cursor)
        cursor = append(event.name, at: cursor)
        cursor = append(event.args, at: cursor)
        cursor = append(user, at: cursor)
        cursor = append(id, at: cursor)
        for attachment in event.attachments { cursor = append(attachment, at: cursor) }
    }

    /// The sender of a record's event.
    static func sender(of record: UnsafePointer<EventRecord>) -> Sender {
        Sender(user: parts(of: record).user, socket: record.pointee.socket)
    }

    /// Texts of a record.
    struct Parts {
        let namespace: UnsafeRawBufferPointer
        let name: UnsafeRawBufferPointer
        let args: UnsafeRawBufferPointer
        let user: UnsafeRawBufferPointer
    }

    /// The texts of a record, in its memory.
    static func parts(of record: UnsafeRawPointer) -> Parts {
        let head = record.load(as: EventRecord.self)
        var cursor = record + MemoryLayout<EventRecord>.size + 4 * Int(head.attachmentCount)
        func next(_ count: UInt32) -> UnsafeRawBufferPointer {
            defer { cursor += Int(count) }
            return UnsafeRawBufferPointer(start: cursor, count: Int(count))
        }
        let (namespace, name) = (next(head.namespaceCount), next(head.nameCount))
        let (args, user) = (next(head.argsCount), next(head.userCount))
        return Parts(namespace: namespace, name: name, args: args, user: user)
    }

    /// The number of bytes of each attachment of a record.
    static func attachmentSizes(of record: UnsafeRawPointer) -> [Int] {
        let lengths = record + MemoryLayout<EventRecord>.size
        return (0..<Int(record.load(as: EventRecord.self).attachmentCount)).map {
            Int(lengths.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
        }
    }

    /// Where ``route`` is in a record.
    static let routeOffset = MemoryLayout<EventRecord>.offset(of: \EventRecord.route)!

    @inline(__always)
    static func append(_ bytes: UnsafeRawBufferPointer, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        if let base = bytes.baseAddress { cursor.copyMemory(from: base, byteCount: bytes.count) }
        return cursor + bytes.count
    }
}

/// A retained ``StrandTask`` in a strand's queue.
struct TaskRecord: BitwiseCopyable {
    /// Of the whole record; see ``RecordBuffer``.
    var size: UInt32
    var kind: Strand.RecordKind
    var order: Order
    /// Whether its sender was charged for it; see ``QueueBudget/Verdict/charged``.
    var isCharged: Bool
    /// The bytes that it uses of the ``QueueBudget``.
    var bytes: UInt64
    var task: UnsafeRawPointer
    /// The ``Sender``, if ``order`` is ``Order/sender``.
    var user: UInt64
    var socket: UInt64

    /// The order among the waiting records of a crowded strand.
    enum Order: UInt8, BitwiseCopyable {
        /// In its sender's line.
        case sender
        /// In the plugin's own line.
        case own
        /// After every record that arrived before it, and before every record that arrived after it.
        case barrier
    }

    var sender: Sender { Sender(user: user, socket: socket) }
}

/// Work of a strand that is not an event: life cycle, timers, answers, requests. At most one of the two closures is
/// called, once.
final class StrandTask: Sendable {
    /// The callback that it calls, for ``Strand/running``.
    let callback: Callback
    /// Called on the strand.
    let run: @Sendable () -> Void
    /// Called instead of `run` if the plugin ends first; on any thread.
    let drop: @Sendable () -> Void

    init(_ callback: Callback = .other, run: @escaping @Sendable () -> Void, drop: @escaping @Sendable () -> Void = {})
    {
        self.callback = callback
        self.run = run
        self.drop = drop
    }
}
