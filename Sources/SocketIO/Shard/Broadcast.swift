import CPrefetch
import EngineIO
import Support

/// An event encoded once, on its way to the sockets of a target on every shard. [any-thread]
///
/// Where recovery is on, making one also enters it into the log, so make one for each broadcast, not for each shard.
public struct Broadcast: Sendable {
    public let message: SharedMessage

    public let target: BroadcastTarget

    /// Its place in the log of recovery; 0 without one.
    let sequence: UInt64

    /// - Parameters:
    ///   - name: UTF-8 text; quoted here.
    ///   - args: a valid JSON array, each placeholder naming one of `attachments`.
    ///   - recovery: ``SocketOptions/recovery``.
    ///   - isKept: `false` gives the event its place in the log and does not keep it, as a volatile one: for what each
    ///     shard encodes for itself, and recovery must not send once for each of them.
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
    /// Sockets are of one namespace.
    public var namespace: ByteString

    /// Sockets that are in any of these rooms, each once. Empty: the whole namespace, unless ``socket`` names one. The
    /// id of a socket is a room with that socket in it.
    public var rooms: [ByteString]

    /// Not the sockets that are in any of these rooms.
    public var except: [ByteString]

    /// Not this socket; 0 excludes none.
    public var exceptSocket: SocketHandle

    /// This socket, too, if it is of the namespace; 0: none.
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

/// An event that wants acks, encoded once for many sockets of one namespace of one shard.
public struct AckRequest {
    let id: UInt64
    let message: SharedMessage
}

extension NamespaceSocket {
    /// Sends the event and waits for the client's ack.
    ///
    /// - Parameters:
    ///   - timeout: in ms.
    ///   - answer: called once, on the loop, perhaps before this returns. A socket that owes
    ///     ``SocketOptions/maxPendingAcks`` already is not asked, and counts as timed out.
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
    /// Queues a message for the target's sockets of this shard. Nothing is encoded or copied
    /// here: see ``PacketEncoder``.
    ///
    /// - Returns: how many sockets it was handed to, those included that drop it as volatile.
    @discardableResult
    public func deliver(_ message: SharedMessage, to target: BroadcastTarget) -> Int {
        var count = 0
        // What is iterated cannot change underneath: sending never ends a session on the spot.
        forEachMember(of: target) { member in
            member.session._withUnsafeGuaranteedRef { $0.send(message) }
            count &+= 1
        }
        statistics.deliveries &+= UInt64(count)
        return count
    }

    /// The same for a broadcast, which recovered sockets may have had already.
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

    /// Appends the target's sockets of this shard, each once: for work that is done in pieces,
    /// while sockets come and go.
    public func collect(_ target: BroadcastTarget, into sockets: inout ContiguousArray<SocketHandle>) {
        var members: ContiguousArray<Unmanaged<NamespaceSocket>> = []
        forEachMember(of: target) { members.append($0.socket) }
        sockets.reserveCapacity(sockets.count + members.count)
        for index in members.indices {
            if index &+ Self.lookahead < members.count { jf_prefetch(members[index &+ Self.lookahead].toOpaque()) }
            sockets.append(members[index]._withUnsafeGuaranteedRef { $0.handle })
        }
    }

    /// How many sockets of this shard the target has.
    public func count(_ target: BroadcastTarget) -> Int {
        var count = 0
        forEachMember(of: target) { _ in count &+= 1 }
        return count
    }

    /// An event for many sockets of a namespace that wants an ack of each; `nil` if the namespace is not alive here.
    /// See ``NamespaceSocket/emit(_:timeout:answer:)``.
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

    /// Calls `body` with each member that the target has on this shard, once.
    @inline(__always)
    private func forEachMember(of target: BroadcastTarget, _ body: (Room.Member) -> Void) {
        guard let namespace = target.namespace == "/" ? main : namespaces[target.namespace] else { return }
        if target.except.isEmpty, target.rooms.count < 2, target.socket == 0 {
            forEachMember(of: target.rooms.first, in: namespace, except: target.exceptSocket, body)
        } else {
            forEachMarked(of: target, in: namespace, body)
        }
    }

    /// The whole namespace or one room: read from end to end, and nothing else.
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
        // Others have joined the room of somebody's id; he is in both.
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

    /// Sessions lie all over the memory, and writing to a thousand sockets leaves none of them in the caches: while one
    /// is sent to, the one so many places behind it is fetched.
    private static let lookahead = 8

    /// Unions and exceptions: a socket that is left out, or has been visited, bears the mark of this target.
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
    /// The socket as a member of its namespace, which it always is while connected.
    fileprivate var everyoneMember: Room.Member {
        namespace.everyone.members[memberships[0].index]
    }
}
