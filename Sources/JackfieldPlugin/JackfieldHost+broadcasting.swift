extension JackfieldHost {
    /// All sockets of a namespace: `host.of("/chat").emit("news", item)`. The methods below speak of `/`.
    public func of(_ namespace: String) -> BroadcastOperator { BroadcastOperator(host: self, namespace: namespace) }

    /// All sockets of all namespaces.
    public var everywhere: BroadcastOperator {
        var all = of("")
        all.targetFlags = JF_TARGET_EVERY_NSP
        return all
    }

    /// The sockets in any of the rooms, each once. A socket's own id is a room.
    public func to(_ rooms: String...) -> BroadcastOperator { of("/").to(rooms) }

    /// Every socket of this user, on all tabs and devices.
    public func to(user: String) -> BroadcastOperator { of("/").to(user: user) }

    /// All sockets but those in any of the rooms.
    public func except(_ rooms: String...) -> BroadcastOperator { of("/").except(rooms) }

    /// Dropped where the transport cannot take it now.
    public var volatile: BroadcastOperator { of("/").volatile }

    /// This node only, where there are several.
    public var local: BroadcastOperator { of("/").local }

    /// How long ``BroadcastOperator/emitWithAck(_:_:)`` waits, in milliseconds.
    public func timeout(_ milliseconds: UInt32) -> BroadcastOperator { of("/").timeout(milliseconds) }

    /// To all sockets of `/`.
    public func emit(_ name: String, _ arguments: any Encodable...) throws {
        try of("/").emit(name, arguments: EventArguments(arguments))
    }

    /// A socket by its handle, for what was stored and comes back later. Whether it is still there, its calls tell.
    public func socket(_ handle: jf_socket, namespace: String = "/", user: String? = nil) -> Socket {
        Socket(host: self, handle: handle, namespace: namespace, user: user)
    }
}
