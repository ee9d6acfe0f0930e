import CPrefetch
import EngineIO
import Support

extension Shard {
    /// Queues a message for the target's sockets of this shard. Nothing is encoded or copied here: see ``PacketEncoder``.
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

    /// Appends the target's sockets of this shard, each once: for work that is done in pieces, while sockets come and go.
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

    /// An event for many sockets of a namespace that wants an ack of each; `nil` if the namespace is not alive here. See ``NamespaceSocket/emit(_:timeout:answer:)``.
    public func ackRequest(
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), flags: EmitFlags = [], in namespace: ByteString
    ) -> AckRequest? {
        guard let namespace = namespaces[namespace] else { return nil }
        let id = namespace.nextAckID()
        return AckRequest(
            id: id, message: PacketEncoder.message(name: name, args: args, attachments: attachments, flags: flags, prefix: namespace.prefix, ackID: id))
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
    private func forEachMember(of room: ByteString?, in namespace: Namespace, except exceptHandle: SocketHandle, _ body: (Room.Member) -> Void) {
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
    private static func walk(_ members: ContiguousArray<Room.Member>, except: UnsafeMutableRawPointer?, _ body: (Room.Member) -> Void) {
        members.withUnsafeBufferPointer { members in
            for index in members.indices {
                if index &+ lookahead < members.count { jf_prefetch(members[index &+ lookahead].session.toOpaque()) }
                let member = members[index]
                if member.socket.toOpaque() != except { body(member) }
            }
        }
    }

    /// Sessions lie all over the memory, and writing to a thousand sockets leaves none of them in the caches: while one is sent to, the one so many places
    /// behind it is fetched.
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
