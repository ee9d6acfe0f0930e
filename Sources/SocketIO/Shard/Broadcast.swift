import CPrefetch
import EngineIO
import Support

/// An event that is encoded once and sent to the sockets of a target on every shard. [any-thread]
///
/// If recovery is on, creating a broadcast also appends the event to the recovery log: create one per broadcast, not
/// one per shard.
public struct Broadcast: Sendable {
    public let message: SharedMessage

    public let target: BroadcastTarget

    /// The event's sequence number in the recovery log; 0 without recovery.
    let sequence: UInt64

    /// - Parameters:
    ///   - name: UTF-8 text, unquoted.
    ///   - args: a valid JSON array, each placeholder naming one of `attachments`.
    ///   - recovery: ``SocketOptions/recovery``.
    ///   - isKept: `false` assigns a sequence number but does not store the event, as for volatile events. Used for an
    ///     event that each shard encodes itself, which recovery must not send once per shard.
    public init(
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), flags: EmitFlags = [],
        to target: BroadcastTarget, recovery: RecoveryStore? = nil, isKept: Bool = true
    ) {
        var prefix = target.namespace == "/" ? "" : target.namespace.text + ","
        self.target = target
        (message, sequence) = prefix.withUTF8 { prefix in
            let prefix = UnsafeRawBufferPointer(prefix)
            guard let recovery else {
                return (
                    PacketEncoder.message(
                        name: name, args: args, attachments: attachments, flags: flags, prefix: prefix), 0
                )
            }
            return recovery.append(to: .broadcast(target), isStored: isKept && !flags.contains(.volatile)) { offset in
                PacketEncoder.message(
                    name: name, args: args, attachments: attachments, flags: flags, prefix: prefix, offset: offset)
            }
        }
    }
}

/// Which sockets a broadcast is for.
public struct BroadcastTarget: Sendable, Hashable {
    /// The namespace of the target's sockets.
    public var namespace: ByteString

    /// Sockets that are in any of these rooms, each once. A socket's id is the name of a room that contains it. If
    /// empty: the whole namespace, or only ``socket`` if that is not 0.
    public var rooms: [ByteString]

    /// Excludes the sockets that are in any of these rooms.
    public var except: [ByteString]

    /// Excludes this socket; 0 excludes none.
    public var exceptSocket: SocketHandle

    /// Adds this socket if it is in the namespace; 0 adds none.
    public var socket: SocketHandle

    public init(
        namespace: ByteString = "/", rooms: [ByteString] = [], except: [ByteString] = [],
        exceptSocket: SocketHandle = 0, socket: SocketHandle = 0
    ) {
        self.namespace = namespace
        self.rooms = rooms
        self.except = except
        self.exceptSocket = exceptSocket
        self.socket = socket
    }
}

/// An event that requests acks, encoded once for many sockets of one namespace of one shard.
public struct AckRequest {
    let id: UInt64
    let message: SharedMessage
}

extension NamespaceSocket {
    /// Sends the event and waits for the client's ack.
    ///
    /// - Parameters:
    ///   - timeout: in ms.
    ///   - answer: called once, on the loop, perhaps before this returns. If the socket already has
    ///     ``SocketOptions/maxPendingAcks`` outstanding acks, nothing is sent and the result is ``AckResult/timedOut``.
    public func emit(_ ackRequest: AckRequest, timeout: Int64, answer: @escaping (AckResult) -> Void) {
        do throws(LimitError) {
            try expectAck(ackRequest.id, timeout: timeout, answer: answer)
            session.send(ackRequest.message)
            shard.statistics.deliveries &+= 1
        } catch {
            answer(.timedOut)
        }
    }
}

extension Shard {
    /// Queues a message for the target's sockets of this shard, without encoding or copying it: see ``PacketEncoder``.
    ///
    /// - Returns: how many sockets it was queued for, including those that drop it as volatile.
    @discardableResult
    public func deliver(_ message: SharedMessage, to target: BroadcastTarget) -> Int {
        var count = 0
        // The member arrays do not change during the iteration: sending never closes a session synchronously.
        forEachMember(of: target) { member in
            member.session._withUnsafeGuaranteedRef { $0.send(message) }
            count &+= 1
        }
        statistics.deliveries &+= UInt64(count)
        return count
    }

    /// Queues a broadcast, except for sockets that received the event when recovery restored their session.
    @discardableResult
    public func deliver(_ broadcast: Broadcast) -> Int {
        guard broadcast.sequence != 0, broadcast.sequence <= restoredThrough else {
            return deliver(broadcast.message, to: broadcast.target)
        }
        var count = 0
        forEachMember(of: broadcast.target) { member in
            let hadIt = member.socket._withUnsafeGuaranteedRef { socket in
                (socket.socketRecovery?.restoredThrough ?? 0) >= broadcast.sequence
            }
            guard !hadIt else { return }
            member.session._withUnsafeGuaranteedRef { $0.send(broadcast.message) }
            count &+= 1
        }
        statistics.deliveries &+= UInt64(count)
        return count
    }

    /// Appends the handles of the target's sockets of this shard, each once, for work that is done in steps while
    /// sockets join and leave.
    public func collect(_ target: BroadcastTarget, into sockets: inout ContiguousArray<SocketHandle>) {
        var members: ContiguousArray<Unmanaged<NamespaceSocket>> = []
        forEachMember(of: target) { members.append($0.socket) }
        sockets.reserveCapacity(sockets.count + members.count)
        for index in members.indices {
            if index &+ Self.lookahead < members.count { jf_prefetch(members[index &+ Self.lookahead].toOpaque()) }
            sockets.append(members[index]._withUnsafeGuaranteedRef { $0.handle })
        }
    }

    /// How many sockets of this shard belong to the target.
    public func count(_ target: BroadcastTarget) -> Int {
        var count = 0
        forEachMember(of: target) { _ in count &+= 1 }
        return count
    }

    /// Encodes an event that requests an ack from many sockets of one namespace; `nil` if this shard has no such
    /// namespace. Send it with ``NamespaceSocket/emit(_:timeout:answer:)``.
    public func ackRequest(
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), flags: EmitFlags = [],
        in namespace: ByteString
    ) -> AckRequest? {
        guard let namespace = namespaces[namespace] else { return nil }
        let id = namespace.nextAckID()
        return AckRequest(
            id: id,
            message: PacketEncoder.message(
                name: name, args: args, attachments: attachments, flags: flags, prefix: namespace.prefix, ackID: id))
    }

    // MARK: - Targets

    /// Calls `body` once for each socket of the target on this shard.
    @inline(__always)
    private func forEachMember(of target: BroadcastTarget, _ body: (Room.Member) -> Void) {
        guard let namespace = target.namespace == "/" ? main : namespaces[target.namespace] else { return }
        if target.except.isEmpty, target.rooms.count < 2, target.socket == 0 {
            forEachMember(of: target.rooms.first, in: namespace, except: target.exceptSocket, body)
        } else {
            forEachMarked(of: target, in: namespace, body)
        }
    }

    /// The fast path for a whole namespace or one room: iterates over one array.
    @inline(__always)
    private func forEachMember(
        of room: ByteString?, in namespace: Namespace, except exceptHandle: SocketHandle, _ body: (Room.Member) -> Void
    ) {
        let except = exceptHandle == 0 ? nil : socket(exceptHandle)
        let exceptPointer = except.map { Unmanaged.passUnretained($0).toOpaque() }
        guard let room else { return Self.walk(namespace.everyone.members, except: exceptPointer, body) }
        let own = SocketID(room).flatMap { namespace.socket(id: $0) }
        let ownPointer = own.map { Unmanaged.passUnretained($0).toOpaque() }
        if let own, ownPointer != exceptPointer { body(own.everyoneMember) }
        guard let room = namespace.rooms[room] else { return }
        guard own != nil else { return Self.walk(room.members, except: exceptPointer, body) }
        // Other sockets have joined a room with the name of this socket's id, and this socket is in it as well.
        Self.walk(room.members, except: exceptPointer) { if $0.socket.toOpaque() != ownPointer { body($0) } }
    }

    @inline(__always)
    private static func walk(
        _ members: ContiguousArray<Room.Member>, except: UnsafeMutableRawPointer?, _ body: (Room.Member) -> Void
    ) {
        members.withUnsafeBufferPointer { members in
            for index in members.indices {
                if index &+ lookahead < members.count { jf_prefetch(members[index &+ lookahead].session.toOpaque()) }
                let member = members[index]
                if member.socket.toOpaque() != except { body(member) }
            }
        }
    }

    /// How many members ahead to prefetch a session. Sessions are scattered in memory, and writing to a thousand
    /// sockets evicts them from the caches.
    private static let lookahead = 8

    /// Unions and exclusions: each socket that was excluded or visited gets the mark of this call.
    private func forEachMarked(of target: BroadcastTarget, in namespace: Namespace, _ body: (Room.Member) -> Void) {
        lastMark += 1
        let mark = lastMark
        socket(target.exceptSocket)?.mark = mark
        for room in target.except {
            SocketID(room).flatMap { namespace.socket(id: $0) }?.mark = mark
            guard let room = namespace.rooms[room] else { continue }
            Self.walk(room.members, except: nil) { $0.socket._withUnsafeGuaranteedRef { $0.mark = mark } }
        }
        func visit(_ member: Room.Member) {
            let isMarked = member.socket._withUnsafeGuaranteedRef { socket in
                defer { socket.mark = mark }
                return socket.mark == mark
            }
            if !isMarked { body(member) }
        }
        if let named = socket(target.socket), named.namespace === namespace { visit(named.everyoneMember) }
        guard !target.rooms.isEmpty else {
            if target.socket == 0 { Self.walk(namespace.everyone.members, except: nil, visit) }
            return
        }
        for room in target.rooms {
            if let own = SocketID(room).flatMap({ namespace.socket(id: $0) }) { visit(own.everyoneMember) }
            if let room = namespace.rooms[room] { Self.walk(room.members, except: nil, visit) }
        }
    }
}

extension NamespaceSocket {
    /// The socket's entry in its namespace's room, which exists while the socket is connected.
    fileprivate var everyoneMember: Room.Member {
        namespace.everyone.members[memberships[0].index]
    }
}
