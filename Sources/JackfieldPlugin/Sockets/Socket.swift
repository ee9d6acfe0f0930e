/// One client in one namespace. It is a value that you may keep, copy and send to other threads. When the client is
/// gone, its calls report that and do nothing; a handle never names another client. Any thread; never blocks.
public struct Socket: Sendable {
    public let host: JackfieldHost
    public let handle: jf_socket

    /// `/` or `/name`.
    public let namespace: String

    /// The user; nil: anonymous.
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

    /// The event is dropped if the transport is not ready to send: `socket.volatile.emit("position", x, y)`.
    public var volatile: Socket { with { $0.flags |= JF_MESSAGE_VOLATILE } }

    /// The event is sent without compression.
    public var uncompressed: Socket { with { $0.flags |= JF_MESSAGE_UNCOMPRESSED } }

    /// How long ``emitWithAck(_:_:)`` waits, in milliseconds (1 to 3,600,000).
    public func timeout(_ milliseconds: UInt32) -> Socket { with { $0.ackTimeout = milliseconds } }

    /// Sends an event. Returns false if the socket is gone. Throws an `EncodingError` if an argument cannot be encoded,
    /// and a ``HostError`` if the host refuses the name or the size.
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

    // MARK: Other sockets

    /// The sockets in any of the rooms, except this one.
    public func to(_ rooms: String...) -> BroadcastOperator { broadcast.to(rooms) }

    /// All sockets of the namespace except this one.
    public var broadcast: BroadcastOperator {
        var others = host.of(namespace)
        others.exceptSocket = handle
        return others
    }

    // MARK: Rooms

    /// Joins a room, which needs not exist before; a name has 1 to 256 bytes. Returns false if the socket is gone.
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

    // MARK: State

    /// The socket leaves its namespace with a DISCONNECT packet; `close: true`: its whole connection is closed.
    public func disconnect(close: Bool = false) throws(HostError) {
        _ = try host.reached(host.socketTable.disconnect?(host.pointer, handle, close ? 1 : 0), "sockets.disconnect")
    }

    /// Replaces the socket's data: a value of up to 65,536 bytes of JSON. All plugins share it.
    public func setData(_ value: any Encodable) throws {
        let bytes = try JSONEncoding.write(value).bytes
        _ = try withText(bytes) { (json) throws(HostError) in
            try host.reached(host.socketTable.set_data?(host.pointer, handle, json), "sockets.set_data")
        }
    }

    /// Stores an object for the socket that only this plugin gets: handlers read it with ``Event/pluginData(as:)``. It
    /// is released on the strand when another object replaces it, the socket has left or the plugin stops. nil removes
    /// it. Returns false if the socket is gone.
    @discardableResult
    public func setPluginData(_ object: (any AnyObject & Sendable)?) throws(HostError) -> Bool {
        let pointer = object.map { Unmanaged<AnyObject>.passRetained($0).toOpaque() }
        let release: jf_free_fn = { _, data in data.map { Unmanaged<AnyObject>.fromOpaque($0).release() } }
        let code = host.socketTable.set_plugin_data?(host.pointer, handle, pointer, pointer == nil ? nil : release)
        // On failure the host does not keep the pointer.
        if code != JF_OK { release(nil, pointer) }
        return try host.reached(code, "sockets.set_plugin_data")
    }

    static func object(_ pointer: UnsafeMutableRawPointer?) -> AnyObject? {
        pointer.map { Unmanaged<AnyObject>.fromOpaque($0).takeUnretainedValue() }
    }

    /// The Socket.IO id, `socket.id` on the client; nil if the socket is gone.
    public var id: String? {
        guard let text = try? describe(JF_PART_ID) else { return nil }
        return try? text.decode(Description.self).id
    }

    /// A JSON object with the requested parts (`JF_PART_*`, not `JF_PART_ROOMS` and `JF_PART_JSON`): id and nsp, user,
    /// claims, handshake, data, connection. Throws ``HostError`` with `JF_E_GONE`.
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
            // The host stored the length needed. The description may have grown again when the next call reads it.
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
    /// `JF_E_GONE` if the socket left before. It may resume on any thread; ``JackfieldHost/onStrand(_:_:)`` runs a
    /// closure on the strand.
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

    /// Sends an event. `body` runs once, on the strand, with the answer, or with a ``HostError``: `JF_E_TIMEOUT` if
    /// none came in time, `JF_E_GONE` if the socket left before.
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
