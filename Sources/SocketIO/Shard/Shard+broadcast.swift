import CPrefetch
import EngineIO
import Support

extension Shard {
    /// Queues a message for the selection's sockets of this shard. Nothing is encoded or copied here: see ``PacketEncoder``.
    ///
    /// - Returns: how many sockets it was handed to, those included that drop it as volatile.
    @discardableResult
    public func deliver(_ message: SharedMessage, to selection: Selection) -> Int {
        var count = 0
        // What is iterated cannot change underneath: sending never ends a session on the spot.
        forEachMember(of: selection) { member in
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
            return deliver(broadcast.message, to: broadcast.selection)
        }
        var count = 0
        forEachMember(of: broadcast.selection) { member in
            let hadIt = member.socket._withUnsafeGuaranteedRef { socket in
                (socket.ticket?.restoredThrough ?? 0) >= broadcast.sequence
            }
            guard !hadIt else { return }
            member.session._withUnsafeGuaranteedRef { $0.send(broadcast.message) }
            count &+= 1
        }
        statistics.deliveries &+= UInt64(count)
        return count
    }

    /// Appends the selection's sockets of this shard, each once: for work that is done in pieces, while sockets come and go.
    public func collect(_ selection: Selection, into sockets: inout ContiguousArray<SocketHandle>) {
        var chosen: ContiguousArray<Unmanaged<Socket>> = []
        forEachMember(of: selection) { chosen.append($0.socket) }
        sockets.reserveCapacity(sockets.count + chosen.count)
        for index in chosen.indices {
            if index &+ Self.lookahead < chosen.count { jf_prefetch(chosen[index &+ Self.lookahead].toOpaque()) }
            sockets.append(chosen[index]._withUnsafeGuaranteedRef { $0.handle })
        }
    }

    /// How many sockets of this shard the selection has.
    public func count(_ selection: Selection) -> Int {
        var count = 0
        forEachMember(of: selection) { _ in count &+= 1 }
        return count
    }

    /// An event for many sockets of a namespace that wants an ack of each; `nil` if the namespace is not alive here. See ``Socket/ask(_:timeout:answer:)``.
    public func question(
        name: UnsafeRawBufferPointer, args: UnsafeRawBufferPointer,
        attachments: UnsafeBufferPointer<UnsafeRawBufferPointer> = .init(start: nil, count: 0), flags: EmitFlags = [], in namespace: ByteString
    ) -> Question? {
        guard let namespace = namespaces[namespace] else { return nil }
        let id = namespace.nextAckID()
        return Question(
            id: id, message: PacketEncoder.message(name: name, args: args, attachments: attachments, flags: flags, prefix: namespace.prefix, ackID: id))
    }

    // MARK: - Selections

    /// Calls `body` with each member that the selection has on this shard, once.
    @inline(__always)
    private func forEachMember(of selection: Selection, _ body: (Room.Member) -> Void) {
        guard let namespace = selection.namespace == "/" ? main : namespaces[selection.namespace] else { return }
        if selection.except.isEmpty, selection.rooms.count < 2, selection.socket == 0 {
            forEachMember(of: selection.rooms.first, in: namespace, but: selection.exceptSocket, body)
        } else {
            forEachMarked(of: selection, in: namespace, body)
        }
    }

    /// The whole namespace or one room: read from end to end, and nothing else.
    @inline(__always)
    private func forEachMember(of room: ByteString?, in namespace: Namespace, but spared: SocketHandle, _ body: (Room.Member) -> Void) {
        let spared = spared == 0 ? nil : socket(spared)
        let sparedPointer = spared.map { Unmanaged.passUnretained($0).toOpaque() }
        guard let room else { return Self.walk(namespace.everyone.members, but: sparedPointer, body) }
        let own = SocketID(room).flatMap { namespace.socket(id: $0) }
        let ownPointer = own.map { Unmanaged.passUnretained($0).toOpaque() }
        if let own, ownPointer != sparedPointer { body(own.everyoneMember) }
        guard let room = namespace.rooms[room] else { return }
        guard own != nil else { return Self.walk(room.members, but: sparedPointer, body) }
        // Others have joined the room of somebody's id; he is in both.
        Self.walk(room.members, but: sparedPointer) { if $0.socket.toOpaque() != ownPointer { body($0) } }
    }

    @inline(__always)
    private static func walk(_ members: ContiguousArray<Room.Member>, but spared: UnsafeMutableRawPointer?, _ body: (Room.Member) -> Void) {
        members.withUnsafeBufferPointer { members in
            for index in members.indices {
                if index &+ lookahead < members.count { jf_prefetch(members[index &+ lookahead].session.toOpaque()) }
                let member = members[index]
                if member.socket.toOpaque() != spared { body(member) }
            }
        }
    }

    /// Sessions lie all over the memory, and writing to a thousand sockets leaves none of them in the caches: while one is sent to, the one so many places
    /// behind it is fetched.
    private static let lookahead = 8

    /// Unions and exceptions: whoever is spared, or has been called with, bears the mark of this selection.
    private func forEachMarked(of selection: Selection, in namespace: Namespace, _ body: (Room.Member) -> Void) {
        lastMark += 1
        let mark = lastMark
        socket(selection.exceptSocket)?.mark = mark
        for room in selection.except {
            SocketID(room).flatMap { namespace.socket(id: $0) }?.mark = mark
            guard let room = namespace.rooms[room] else { continue }
            Self.walk(room.members, but: nil) { $0.socket._withUnsafeGuaranteedRef { $0.mark = mark } }
        }
        func visit(_ member: Room.Member) {
            let isMarked = member.socket._withUnsafeGuaranteedRef { socket in
                defer { socket.mark = mark }
                return socket.mark == mark
            }
            if !isMarked { body(member) }
        }
        if let chosen = socket(selection.socket), chosen.namespace === namespace { visit(chosen.everyoneMember) }
        guard !selection.rooms.isEmpty else {
            if selection.socket == 0 { Self.walk(namespace.everyone.members, but: nil, visit) }
            return
        }
        for room in selection.rooms {
            if let own = SocketID(room).flatMap({ namespace.socket(id: $0) }) { visit(own.everyoneMember) }
            if let room = namespace.rooms[room] { Self.walk(room.members, but: nil, visit) }
        }
    }
}

extension Socket {
    /// The socket as a member of its namespace, which it always is while connected.
    fileprivate var everyoneMember: Room.Member {
        namespace.everyone.members[memberships[0].index]
    }
}
