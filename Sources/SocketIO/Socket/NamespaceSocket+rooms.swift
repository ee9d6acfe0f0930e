import Support

extension NamespaceSocket {
    /// Up to this many rooms, a linear search of ``memberships`` is as fast as a dictionary and needs no extra memory.
    private static var linearSearchLimit: Int { 16 }

    /// The rooms that the socket is in, the room of its own id first.
    public var rooms: [ByteString] {
        guard isConnected else { return [] }
        return [id] + memberships.dropFirst().map { $0.room.takeUnretainedValue().name }
    }

    /// How many rooms the socket is in, without the room of its own id.
    public var roomCount: Int { max(0, memberships.count - 1) }

    public func isIn(_ room: ByteString) -> Bool {
        guard isConnected else { return false }
        if SocketID(room) == socketID { return true }
        return namespace.rooms[room].flatMap { place(of: $0) } != nil
    }

    /// Joins a room of the namespace, and creates the room if it has no members. Does nothing if the socket is already
    /// in it.
    ///
    /// - Returns: whether the socket was not in the room before.
    @discardableResult
    public func join(_ room: ByteString) throws(LimitError) -> Bool {
        guard isConnected, SocketID(room) != socketID else { return false }
        let options = client.shard.options
        guard room.count <= options.maxRoomNameLength else {
            client.shard.statistics.limited += 1
            throw .roomNameTooLong(limit: options.maxRoomNameLength)
        }
        guard let existing = namespace.rooms[room] else {
            try checkRoomLimit()
            let created = Room(name: room)
            namespace.rooms[room] = created
            add(to: created)
            return true
        }
        guard place(of: existing) == nil else { return false }
        try checkRoomLimit()
        add(to: existing)
        return true
    }

    /// Leaves a room. A socket cannot leave the room of its own id.
    ///
    /// - Returns: whether the socket was in the room.
    @discardableResult
    public func leave(_ room: ByteString) -> Bool {
        guard isConnected, let room = namespace.rooms[room], let place = place(of: room) else { return false }
        remove(at: place)
        if room.count == 0 { namespace.rooms[room.name] = nil }
        return true
    }

    /// Joins a room without checking limits: the room of the user, and the rooms that recovery restores.
    func joinUnchecked(_ room: ByteString) {
        let target = namespace.rooms[room] ?? Room(name: room)
        guard place(of: target) == nil else { return }
        namespace.rooms[room] = target
        add(to: target)
    }

    func add(to room: Room) {
        let place = memberships.count
        memberships.append(RoomMembership(room: Unmanaged.passUnretained(room), index: room.count))
        room.append(
            Room.Member(
                session: .passUnretained(session), socket: .passUnretained(self),
                place: Int32(truncatingIfNeeded: place)))
        if !places.isEmpty {
            places[ObjectIdentifier(room)] = Int32(truncatingIfNeeded: place)
        } else if memberships.count > Self.linearSearchLimit {
            for (place, membership) in memberships.enumerated() {
                places[ObjectIdentifier(membership.room.takeUnretainedValue())] = Int32(truncatingIfNeeded: place)
            }
        }
    }

    /// Leaves all rooms, the namespace last. O(rooms of the socket).
    func leaveAll() {
        while let last = memberships.popLast() {
            last.room._withUnsafeGuaranteedRef { room in
                room.remove(at: last.index)
                if room.count == 0, !memberships.isEmpty { namespace.rooms[room.name] = nil }
            }
        }
        memberships = []
        places = [:]
    }

    /// The room has moved this socket to another index of its array.
    func memberMoved(at place: Int, to index: Int) {
        memberships[place].index = index
    }

    private func remove(at place: Int) {
        let membership = memberships[place]
        let last = memberships.removeLast()
        if place < memberships.count {
            memberships[place] = last
            last.room._withUnsafeGuaranteedRef { $0.membershipMoved(of: last.index, to: place) }
            if !places.isEmpty {
                places[ObjectIdentifier(last.room.takeUnretainedValue())] = Int32(truncatingIfNeeded: place)
            }
        }
        if !places.isEmpty { places[ObjectIdentifier(membership.room.takeUnretainedValue())] = nil }
        membership.room._withUnsafeGuaranteedRef { $0.remove(at: membership.index) }
    }

    private func place(of room: Room) -> Int? {
        if !places.isEmpty { return places[ObjectIdentifier(room)].map { Int($0) } }
        let wanted = Unmanaged.passUnretained(room).toOpaque()
        return memberships.firstIndex { $0.room.toOpaque() == wanted }
    }

    private func checkRoomLimit() throws(LimitError) {
        let limit = client.shard.options.maxRoomsPerSocket
        guard roomCount < limit else {
            client.shard.statistics.limited += 1
            throw .tooManyRooms(limit: limit)
        }
    }
}
