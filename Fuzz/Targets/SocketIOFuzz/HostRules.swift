import FuzzSupport

@testable import SocketIO

/// Rules for a shard that must hold after each action: rooms and sockets agree about memberships.
enum HostRules {
    static func check(_ shard: Shard, connected: [SocketHandle: NamespaceSocket]) {
        var inSlots = 0
        for slot in shard.slots {
            guard let socket = slot.socket else { continue }
            inSlots += 1
            require(shard.socket(socket.handle) === socket, "a handle names its socket")
            require(shard.namespaces[socket.namespace.name] === socket.namespace, "a socket's namespace lives")
            require(socket.namespace.socket(id: socket.socketID) === socket, "an id names its socket")
            check(socket)
        }
        require(
            inSlots == connected.count && inSlots == Int(shard.statistics.sockets),
            "the sockets are those that are connected")
        var dynamic = 0
        for namespace in shard.namespaces.values {
            if namespace.isDynamic { dynamic += 1 }
            require(
                namespace.sockets.count == namespace.everyone.count,
                "the room of all sockets has all sockets of the namespace")
            require(!namespace.isIdle, "an idle namespace is removed")
            check(namespace.everyone, in: namespace)
            for (name, room) in namespace.rooms {
                require(room.name == name && room.count > 0, "a room has its name and members")
                check(room, in: namespace)
            }
        }
        require(dynamic == Int(shard.statistics.dynamicNamespaces), "dynamic namespaces are counted")
    }

    private static func check(_ socket: NamespaceSocket) {
        require(
            socket.memberships[0].room.takeUnretainedValue() === socket.namespace.everyone,
            "the room of all sockets is the first membership"
        )
        var seen: Set<ObjectIdentifier> = []
        for (place, membership) in socket.memberships.enumerated() {
            let room = membership.room.takeUnretainedValue()
            require(seen.insert(ObjectIdentifier(room)).inserted, "a socket is in a room once")
            require(membership.index < room.count, "a membership's index is within the room")
            let member = room.members[membership.index]
            require(
                member.socket.takeUnretainedValue() === socket && Int(member.place) == place,
                "room and socket know each other's place")
            if !socket.places.isEmpty {
                require(
                    socket.places[ObjectIdentifier(room)].map { Int($0) } == place,
                    "the index of a membership is correct")
            }
        }
        require(
            socket.places.isEmpty || socket.places.count == socket.memberships.count,
            "either all memberships are indexed, or none")
        require(socket.roomCount <= socket.shard.options.maxRoomsPerSocket + 1, "rooms are bounded")
        require(socket.pendingAcks.count <= socket.shard.options.maxPendingAcks, "acks are bounded")
    }

    private static func check(_ room: Room, in namespace: Namespace) {
        for (index, member) in room.members.enumerated() {
            let socket = member.socket.takeUnretainedValue()
            require(
                socket.isConnected && socket.namespace === namespace, "members are connected sockets of the namespace")
            require(member.session.takeUnretainedValue() === socket.session, "a member's session is its socket's")
            require(socket.memberships[Int(member.place)].index == index, "room and socket know each other's place")
        }
    }
}
