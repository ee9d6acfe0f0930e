import Support

extension Shard {
    // MARK: - Namespaces

    /// The namespace a client may join by this name, as it stood in the packet (empty for the main one); made if it exists only by its
    /// declaration yet.
    func namespaceToJoin(_ packetName: UnsafeRawBufferPointer) -> Namespace? {
        if packetName.isEmpty, let main { return main.isOpen ? main : nil }
        guard packetName.count <= options.maxNamespaceLength else { return nil }
        let name = packetName.isEmpty ? "/" : ByteString(decoding: packetName)
        if let namespace = namespaces[name] { return namespace.isOpen ? namespace : nil }
        guard namespaceTable.declaration(for: name) != nil else { return nil }
        let isDynamic = !namespaceTable.isStatic(name)
        if isDynamic {
            guard statistics.dynamicNamespaces < options.maxDynamicNamespaces else {
                statistics.limited += 1
                return nil
            }
            statistics.dynamicNamespaces += 1
        }
        let namespace = Namespace(name: name, isDynamic: isDynamic)
        namespaces[name] = namespace
        if name == "/" { main = namespace }
        return namespace
    }

    /// Lets a namespace go that was made from a pattern and that nobody is in any more.
    func cleanUp(_ namespace: Namespace) {
        guard namespace.isIdle, namespaces[namespace.name] === namespace else { return }
        namespaces[namespace.name] = nil
        statistics.dynamicNamespaces -= 1
    }

    func namespaceTableChanged() {
        for namespace in namespaces.values {
            namespace.isOpen = namespaceTable.declaration(for: namespace.name) != nil
        }
    }

    // MARK: - Sockets

    /// The socket that an accepted attempt becomes, in its namespace and rooms; `nil` if the shard has no slot left.
    func makeSocket(for attempt: ConnectAttempt, client: Client, credentials: SocketCredentials) -> NamespaceSocket? {
        guard let slot = allocateSlot() else { return nil }
        let handle = SocketHandle(shard: index, slot: slot, generation: slots[slot].generation)
        let namespace = attempt.scope
        let session = attempt.session?.session
        let socket = NamespaceSocket(
            handle: handle, id: session?.socketID ?? .random(using: &randomBits), namespace: namespace, client: client, credentials: credentials, attempt: attempt)
        slots[slot].socket = socket
        namespace.sockets[socket.socketID] = Unmanaged.passUnretained(socket)
        statistics.sockets += 1
        socket.add(to: namespace.everyone)
        if let user = credentials.user { socket.joinUnchecked("user:\(user.text)") }
        if let session {
            socket.data = session.data
            for room in session.rooms { socket.joinUnchecked(room) }
        }
        if let recovery = options.recovery { beginRecovery(of: socket, attempt.session, from: recovery) }
        return socket
    }

    /// Takes a socket out of everything it is in.
    func remove(_ socket: NamespaceSocket, reason: DisconnectReason) {
        if let socketRecovery = socket.socketRecovery, let recovery = options.recovery {
            let session = reason.isRecoverable ? recoverySession(of: socket, socketRecovery) : nil
            recovery.end(socketRecovery.privateID, handle: socket.handle, keeping: session)
        }
        socket.isConnected = false
        socket.leaveAll()
        socket.namespace.sockets[socket.socketID] = nil
        statistics.sockets -= 1
        releaseSlot(socket.handle.slot)
        socket.abandonAcks()
        cleanUp(socket.namespace)
    }

    private func allocateSlot() -> Int? {
        if freeSlot != Slot.none {
            let slot = Int(freeSlot)
            freeSlot = slots[slot].next
            return slot
        }
        guard slots.count < SocketHandle.maximumSlots else { return nil }
        slots.append(Slot(socket: nil, generation: 1, next: Slot.none))
        return slots.count - 1
    }

    private func releaseSlot(_ slot: Int) {
        slots[slot].socket = nil
        // Never 0, so that no handle is ever 0.
        slots[slot].generation = slots[slot].generation == .max ? 1 : slots[slot].generation + 1
        slots[slot].next = freeSlot
        freeSlot = Int32(truncatingIfNeeded: slot)
    }
}
