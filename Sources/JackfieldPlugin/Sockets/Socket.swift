/// One client in one namespace. A value: keep it, copy it, send it to other threads. Once the client is gone, its calls
/// say so and do nothing; a handle never comes to mean another client.
public struct Socket: Sendable {
    public let host: JackfieldHost
    public let handle: jf_socket

    /// `/` or `/name`.
    public let namespace: String

    /// The user of the token; nil: anonymous.
    public let user: String?

    var flags: UInt32 = 0
    var ackTimeout: UInt32 = BroadcastOperator.defaultAckTimeout

    init(host: JackfieldHost, handle: jf_socket, namespace: String, user: String?) {
        self.host = host
        self.handle = handle
        self.namespace = namespace
        self.user = user
    }

    // MARK: Emitting

    /// Dropped if the transport cannot take it now: `socket.volatile.emit("position", x, y)`.
    public var volatile: Socket { with { $0.flags |= JF_MESSAGE_VOLATILE } }

    /// Spends no compression on it.
    public var uncompressed: Socket { with { $0.flags |= JF_MESSAGE_UNCOMPRESSED } }

    /// How long ``emitWithAck(_:_:)`` waits, in milliseconds (1 to 3,600,000).
    public func timeout(_ milliseconds: UInt32) -> Socket { with { $0.ackTimeout = milliseconds } }

    /// Sends an event. Returns false if the socket is gone. Throws what cannot be encoded, and names
    /// or sizes the host refuses.
    @discardableResult
    public func emit(_ name: String, _ arguments: any Encodable...) throws -> Bool {
        try emit(name, arguments: EventArguments(arguments))
    }

    /// Sends an event whose arguments were encoded before.
    @discardableResult
    public func emit(_ name: String, arguments: EventArguments) throws(HostError) -> Bool {
        try host.withMessage(name, arguments, flags: flags) { (message) throws(HostError) in
            try host.reached(host.events.emit?(host.pointer, handle, message), "events.emit")
        }
    }

    // MARK: Others than this one

    /// The sockets in any of the rooms, without this one.
    public func to(_ rooms: String...) -> BroadcastOperator { broadcast.to(rooms) }

    /// All sockets of the namespace but this one.
    public var broadcast: BroadcastOperator {
        var others = host.of(namespace)
        others.exceptSocket = handle
        return others
    }

    // MARK: Rooms

    /// Joins a room: 1 to 256 bytes. Rooms need no creation. Returns false if the socket is gone.
    @discardableResult
    public func join(_ room: String) throws(HostError) -> Bool {
        try withText(room) { (room) throws(HostError) in
            try host.reached(host.roomTable.join?(host.pointer, handle, room), "rooms.join")
        }
    }

    /// Leaves a room. Returns false if the socket is gone.
    @discardableResult
    public func leave(_ room: String) throws(HostError) -> Bool {
        try withText(room) { (room) throws(HostError) in
            try host.reached(host.roomTable.leave?(host.pointer, handle, room), "rooms.leave")
        }
    }

    // MARK: The rest

    /// Leaves its namespace, with a DISCONNECT packet; `close: true`: the whole connection is closed.
    public func disconnect(close: Bool = false) throws(HostError) {
        _ = try host.reached(host.socketTable.disconnect?(host.pointer, handle, close ? 1 : 0), "sockets.disconnect")
    }

    /// Replaces the socket's data: any value of up to 65,536 bytes of JSON. All plugins see the same.
    public func setData(_ value: any Encodable) throws {
        let bytes = try JSONEncoding.write(value).bytes
        _ = try withText(bytes) { (json) throws(HostError) in
            try host.reached(host.socketTable.set_data?(host.pointer, handle, json), "sockets.set_data")
        }
    }

    /// Keeps an object with the socket that only this plugin sees: handlers read it with ``Event/pluginData(as:)``.
    /// The one before is released, and this one when the socket has left or the plugin stops. nil removes it. Returns
    /// false if the socket is gone.
    @discardableResult
    public func setPluginData(_ object: (any AnyObject & Sendable)?) throws(HostError) -> Bool {
        let pointer = object.map { Unmanaged<AnyObject>.passRetained($0).toOpaque() }
        let release: jf_free_fn = { _, data in data.map { Unmanaged<AnyObject>.fromOpaque($0).release() } }
        let code = host.socketTable.set_plugin_data?(host.pointer, handle, pointer, pointer == nil ? nil : release)
        // What the host did not take stays ours.
        if code != JF_OK { release(nil, pointer) }
        return try host.reached(code, "sockets.set_plugin_data")
    }

    static func object(_ pointer: UnsafeMutableRawPointer?) -> AnyObject? {
        pointer.map { Unmanaged<AnyObject>.fromOpaque($0).takeUnretainedValue() }
    }

    /// What the client calls `socket.id`; nil if the socket is gone.
    public var id: String? {
        guard let text = try? describe(JF_PART_ID) else { return nil }
        return try? text.decode(Description.self).id
    }

    /// The claims of the token, the data, and the handshake, as JSON. Throws ``HostError`` with `JF_E_GONE`.
    public func describe(_ parts: UInt32) throws -> JSON {
        var capacity = 1024
        while true {
            var length: UInt64 = 0
            var code: Int32?
            let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                buffer.withMemoryRebound(to: CChar.self) { out in
                    code = host.socketTable.describe?(
                        host.pointer, handle, parts, out.baseAddress, UInt64(out.count), &length)
                }
                count = code == JF_OK ? min(Int(clamping: length), capacity) : 0
            }
            // Grows by what the host asks for; the description may have grown again meanwhile.
            if code == JF_E_SPACE, length > capacity, length < 1 << 26 {
                capacity = Int(length)
                continue
            }
            try host.check(code, "sockets.describe")
            return JSON(unchecked: bytes)
        }
    }

    private struct Description: Decodable {
        let id: String
    }

    private func with(_ change: (inout Socket) -> Void) -> Socket {
        var copy = self
        change(&copy)
        return copy
    }
}

extension Socket: Hashable {
    public static func == (a: Socket, b: Socket) -> Bool { a.handle == b.handle }
    public func hash(into hasher: inout Hasher) { hasher.combine(handle) }
}

extension Socket {
    /// Sends an event and waits for the client's answer. Throws ``HostError``: `JF_E_TIMEOUT` if none came in time,
    /// `JF_E_GONE` if the socket left first. It resumes on no particular thread; ``JackfieldHost/onStrand(_:_:)``
    /// brings you back to your state.
    public func emitWithAck(_ name: String, _ arguments: any Encodable...) async throws -> Answer {
        let encoded = try EventArguments(arguments)
        return try await withCheckedThrowingContinuation { continuation in
            let box = CallbackBox<Result<Answer, HostError>> { _, _, result in continuation.resume(with: result) }
            do {
                try send(name, encoded, box)
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Sends an event; `answered` runs on the strand when the client has answered, or has not.
    public func emit<P: Plugin>(
        _ name: String, _ arguments: any Encodable..., answered type: P.Type,
        _ body: @escaping @Sendable (P, Result<Answer, HostError>) -> Void
    ) throws {
        try send(
            name, EventArguments(arguments),
            CallbackBox { plugin, _, result in
                if let plugin = plugin as? P { body(plugin, result) }
            })
    }

    private func send(_ name: String, _ arguments: EventArguments, _ box: CallbackBox<Result<Answer, HostError>>) throws
    {
        let context = box.retained()
        do {
            try host.withMessage(name, arguments, flags: flags) { (message) throws(HostError) in
                try host.check(
                    host.events.emit_ack?(host.pointer, handle, message, ackTimeout, Self.answered, context),
                    "events.emit_ack")
            }
        } catch {
            CallbackBox<Result<Answer, HostError>>.discard(context)
            throw error
        }
    }

    private static let answered: jf_answer_fn = { instance, context, answer in
        guard let box = CallbackBox<Result<Answer, HostError>>.reclaim(context), let instance = Instance.of(instance),
            let answer
        else { return }
        let host = instance.host
        let status = answer.pointee.status
        let result: Result<Answer, HostError> =
            status == JF_OK
            ? .success(Answer(answer.pointee))
            : .failure(HostError(code: status, call: "events.emit_ack", words: host.words(for: status)))
        box.body(instance.plugin, host, result)
    }
}
