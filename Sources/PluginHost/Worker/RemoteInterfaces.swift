import CJackfield
import RawJSON
import SocketIO
import Support

// The interfaces of a plugin in a worker. What needs nothing of the daemon is answered here, by the host's own
// functions; each other function sends its arguments to the daemon, which calls the host's function.

/// `jf.core/1`.
enum RemoteCoreInterface {
    static var table: jf_core_api {
        var table = CoreInterface.table
        table.log = { host, level, line in
            guard let plugin = LoadedPlugin.from(host), let daemon = plugin.daemon else { return JF_E_INVALID }
            guard (JF_LOG_DEBUG...JF_LOG_ERROR).contains(level) else {
                return plugin.invalid("log", "level is \(level), which is no JF_LOG_* of this host")
            }
            guard level > JF_LOG_DEBUG || daemon.logLevel <= .debug else { return JF_OK }
            // One byte more than is shown, so that the daemon marks the cut.
            let bytes = line.bytes.prefix(PluginLog.longestLine + 1)
            daemon.log(level, jf_text(UnsafeRawBufferPointer(rebasing: bytes)))
            return JF_OK
        }
        table.batch = { host, task, context in
            LoadedPlugin.serveRemotely(host, "batch") { (plugin, daemon) throws(HostCallError) in
                guard let task else { throw .invalid("task is NULL") }
                daemon.post(.batchBegin, WireWriter(capacity: 0))
                task(plugin.instance, context)
                daemon.post(.batchEnd, WireWriter(capacity: 0))
                return JF_OK
            }
        }
        return table
    }
}

extension LoadedPlugin {
    /// As ``serve(_:_:_:)``, in a worker.
    @inline(__always)
    static func serveRemotely(
        _ host: OpaquePointer?, _ function: StaticString,
        _ body: (LoadedPlugin, DaemonLink) throws(HostCallError) -> Int32
    ) -> Int32 {
        serve(host, function) { (plugin) throws(HostCallError) in
            guard let daemon = plugin.daemon else { return JF_E_STATE }
            return try body(plugin, daemon)
        }
    }

    /// Whether the callback that runs on this thread has borrowed this token.
    @inline(__always)
    func borrows(_ token: jf_token) -> UnsafeMutablePointer<CallbackFrame>? {
        guard token != 0, let frame = ThreadState.current?.frame, frame.pointee.ack.raw == token,
            frame.pointee.plugin == UnsafeRawPointer(handle)
        else { return nil }
        return frame
    }

    /// Makes a call that uses a token up if it succeeds.
    func call(
        _ daemon: DaemonLink, _ kind: WorkerMessage, using token: jf_token,
        _ write: (inout WireWriter) throws(HostCallError) -> Void,
        reading read: (Int32, inout WireReader) throws(MalformedMessage) -> Int32 = { code, _ in code }
    ) throws(HostCallError) -> Int32 {
        let frame = borrows(token)
        var writer = WireWriter()
        writer.integer(token)
        writer.flag(frame != nil)
        try write(&writer)
        let code = daemon.call(kind, writer, read)
        if code == JF_OK { frame?.pointee.ack = ReplyToken(0) }
        return code
    }
}

/// `jf.tokens/1`.
enum RemoteTokensInterface {
    static var table: jf_tokens_api {
        jf_tokens_api(
            struct_size: UInt32(MemoryLayout<jf_tokens_api>.size), revision: 1,
            keep: { host, token, kept in
                kept?.pointee = 0
                return LoadedPlugin.serveRemotely(host, "keep") { (plugin, daemon) throws(HostCallError) in
                    guard let kept else { throw .invalid("kept is NULL") }
                    return try plugin.call(daemon, .keep, using: token) { (_) throws(HostCallError) in
                    } reading: { code, reader throws(MalformedMessage) in
                        guard code == JF_OK else { return code }
                        kept.pointee = try reader.integer()
                        return code
                    }
                }
            },
            drop: { host, kept in
                LoadedPlugin.serveRemotely(host, "drop") { plugin, daemon in
                    daemon.call(.drop, plugin.tokenArgument(kept))
                }
            },
            waits: { host, kept, waiting in
                waiting?.pointee = 0
                return LoadedPlugin.serveRemotely(host, "waits") { (plugin, daemon) throws(HostCallError) in
                    guard let waiting else { throw .invalid("waiting is NULL") }
                    return daemon.call(.waits, plugin.tokenArgument(kept)) { code, reader throws(MalformedMessage) in
                        guard code == JF_OK else { return code }
                        waiting.pointee = try reader.integer()
                        return code
                    }
                }
            })
    }
}

extension LoadedPlugin {
    fileprivate func tokenArgument(_ token: jf_token) -> WireWriter {
        var writer = WireWriter(capacity: 16)
        writer.integer(token)
        writer.flag(borrows(token) != nil)
        return writer
    }

    fileprivate var mostAttachments: Int { host.socketOptions.maxAttachments }
}

/// `jf.events/1`.
enum RemoteEventsInterface {
    static var table: jf_events_api {
        jf_events_api(
            struct_size: UInt32(MemoryLayout<jf_events_api>.size), revision: 1,
            emit: { host, socket, message in
                LoadedPlugin.serveRemotely(host, "emit") { (plugin, daemon) throws(HostCallError) in
                    var writer = WireWriter()
                    writer.integer(socket)
                    try writer.message(message, mostAttachments: plugin.mostAttachments)
                    return daemon.call(.emit, writer)
                }
            },
            emit_ack: { host, socket, message, timeout, answered, context in
                LoadedPlugin.serveRemotely(host, "emit_ack") { (plugin, daemon) throws(HostCallError) in
                    let callback = answered.map { WorkerCallback.answer(PluginCall(function: $0, context: context)) }
                    return try daemon.call(.emitAck, causing: callback) { (writer, number) throws(HostCallError) in
                        writer.integer(socket)
                        try writer.message(message, mostAttachments: plugin.mostAttachments)
                        writer.integer(timeout)
                        writer.integer(number)
                    }
                }
            },
            broadcast: { host, target, message in
                LoadedPlugin.serveRemotely(host, "broadcast") { (plugin, daemon) throws(HostCallError) in
                    var writer = WireWriter()
                    try writer.target(target)
                    try writer.message(message, mostAttachments: plugin.mostAttachments)
                    return daemon.call(.broadcast, writer)
                }
            },
            broadcast_ack: { host, target, message, timeout, answered, context in
                LoadedPlugin.serveRemotely(host, "broadcast_ack") { (plugin, daemon) throws(HostCallError) in
                    let callback = answered.map { WorkerCallback.answers(PluginCall(function: $0, context: context)) }
                    return try daemon.call(.broadcastAck, causing: callback) { (writer, number) throws(HostCallError) in
                        try writer.target(target)
                        try writer.message(message, mostAttachments: plugin.mostAttachments)
                        writer.integer(timeout)
                        writer.integer(number)
                    }
                }
            },
            ack: { host, token, args, attachments, count in
                LoadedPlugin.serveRemotely(host, "ack") { (plugin, daemon) throws(HostCallError) in
                    try plugin.ack(daemon, token, args, attachments, count)
                }
            },
            ack_error: { host, token, code, message in
                LoadedPlugin.serveRemotely(host, "ack_error") { (plugin, daemon) throws(HostCallError) in
                    try plugin.call(daemon, .ackError, using: token) { (writer) throws(HostCallError) in
                        try writer.arguments(code, "code", message, "message", most: LoadedPlugin.largestError)
                    }
                }
            })
    }
}

extension LoadedPlugin {
    /// Sends an ack. That of the running callback is sent without waiting: its arguments are checked here, and only
    /// this callback can complete its token.
    fileprivate func ack(
        _ daemon: DaemonLink, _ token: jf_token, _ args: jf_text, _ attachments: UnsafePointer<jf_bytes>?,
        _ count: UInt32
    ) throws(HostCallError) -> Int32 {
        try withArguments(args, attachments, count) { (bytes, _) throws(HostCallError) in
            let frame = borrows(token)
            var writer = WireWriter(capacity: bytes.count + 64)
            writer.integer(token)
            writer.flag(frame != nil)
            writer.data(bytes)
            try writer.arguments(attachments, count, most: mostAttachments)
            // Of the callbacks, only the handler of an event has a socket, and a token for an ack.
            guard let frame, frame.pointee.socket != 0 else { return daemon.call(.ack, writer) }
            frame.pointee.ack = ReplyToken(0)
            daemon.post(.ack, writer)
            return JF_OK
        }
    }
}

/// `jf.sockets/1`.
enum RemoteSocketsInterface {
    static var table: jf_sockets_api {
        jf_sockets_api(
            struct_size: UInt32(MemoryLayout<jf_sockets_api>.size), revision: 1,
            describe: { host, socket, parts, out, capacity, length in
                length?.pointee = 0
                return LoadedPlugin.serveRemotely(host, "describe") { _, daemon in
                    var writer = WireWriter(capacity: 16)
                    writer.integer(socket)
                    writer.integer(parts)
                    return daemon.call(.describe, writer) { code, reader throws(MalformedMessage) in
                        guard code == JF_OK else { return code }
                        return LoadedPlugin.write(try reader.data(), out, capacity, length)
                    }
                }
            },
            set_data: { host, socket, json in
                LoadedPlugin.serveRemotely(host, "set_data") { (_, daemon) throws(HostCallError) in
                    try SocketsInterface.checkData(json)
                    var writer = WireWriter()
                    writer.integer(socket)
                    try writer.argument(json, "json")
                    return daemon.call(.setData, writer)
                }
            },
            set_plugin_data: { host, socket, data, free in
                LoadedPlugin.serveRemotely(host, "set_plugin_data") { _, daemon in
                    daemon.setData(of: socket, data, free)
                }
            },
            plugin_data: { host, socket, data in
                data?.pointee = nil
                return LoadedPlugin.serveRemotely(host, "plugin_data") { (_, daemon) throws(HostCallError) in
                    guard let data else { throw .invalid("data is NULL") }
                    var number: UInt64 = 0
                    let code = daemon.dataNumber(of: socket, &number)
                    data.pointee = daemon.pointer(number)
                    return code
                }
            },
            disconnect: { host, socket, close in
                LoadedPlugin.serveRemotely(host, "disconnect") { _, daemon in
                    var writer = WireWriter(capacity: 16)
                    writer.integer(socket)
                    writer.integer(close)
                    return daemon.call(.disconnect, writer)
                }
            },
            disconnect_all: { host, which, close in
                LoadedPlugin.serveRemotely(host, "disconnect_all") { (_, daemon) throws(HostCallError) in
                    var writer = WireWriter()
                    try writer.target(which)
                    writer.integer(close)
                    return daemon.call(.disconnectAll, writer)
                }
            },
            fetch: { host, which, parts, fetched, context in
                LoadedPlugin.serveRemotely(host, "fetch") { (_, daemon) throws(HostCallError) in
                    let callback = fetched.map { WorkerCallback.fetched(PluginCall(function: $0, context: context)) }
                    return try daemon.call(.fetch, causing: callback) { (writer, number) throws(HostCallError) in
                        try writer.target(which)
                        writer.integer(parts)
                        writer.integer(number)
                    }
                }
            },
            accept: { host, decision, admission in
                LoadedPlugin.serveRemotely(host, "accept") { (plugin, daemon) throws(HostCallError) in
                    var number: UInt64 = 0
                    if let admission {
                        let raw = try PluginMemory.read(admission, "admission")
                        if let data = raw.plugin_data {
                            number = daemon.register(
                                .data(PluginCall(function: raw.free_data, context: data), isReplaced: false))
                        }
                    }
                    do throws(HostCallError) {
                        let code = try plugin.call(daemon, .accept, using: decision) { (writer) throws(HostCallError) in
                            try writer.admission(admission, data: number)
                        }
                        if code != JF_OK { daemon.remove(number) }
                        return code
                    } catch {
                        daemon.remove(number)
                        throw error
                    }
                }
            },
            refuse: { host, decision, message, data in
                LoadedPlugin.serveRemotely(host, "refuse") { (plugin, daemon) throws(HostCallError) in
                    try plugin.call(daemon, .refuse, using: decision) { (writer) throws(HostCallError) in
                        try writer.arguments(
                            message, "message", data, "data", most: SocketsInterface.largestData)
                    }
                }
            })
    }
}

/// Pointers that the plugin attaches to sockets.
extension DaemonLink {
    func pointer(_ number: UInt64) -> UnsafeMutableRawPointer? {
        guard number != 0, case .data(let call, _, _) = callback(number) else { return nil }
        return call.context
    }

    /// The pointer for a callback about a socket.
    ///
    /// - Parameter number: that of the pointer that was attached when the callback was sent; 0: there was none.
    func data(of socket: jf_socket, sent number: UInt64) -> UnsafeMutableRawPointer? {
        let current = attached.withLock { attached -> UInt64? in
            guard !attached.isEmpty else { return nil }
            return attached[socket]
        }
        if let current { return pointer(current) }
        // Attached when the socket was admitted, or, if it was replaced or removed since then, not any more.
        guard number != 0, case .data(let call, _, let isReplaced) = callback(number), !isReplaced else { return nil }
        return call.context
    }

    /// Notes that a pointer is not the current one of its socket any more.
    private func replace(_ number: UInt64) {
        callbacks.withLock { callbacks in
            guard case .data(let call, let socket, _) = callbacks.entries[number] else { return }
            callbacks.entries[number] = .data(call, socket: socket, isReplaced: true)
        }
    }

    fileprivate func dataNumber(of socket: jf_socket, _ number: inout UInt64) -> Int32 {
        var writer = WireWriter(capacity: 8)
        writer.integer(socket)
        var raw: UInt64 = 0
        let code = call(.pluginData, writer) { code, reader throws(MalformedMessage) in
            guard code == JF_OK else { return code }
            raw = try reader.integer()
            return code
        }
        // As ``IsolatedPlugin/context(_:of:)`` makes it.
        number = raw >> 16
        return code
    }

    fileprivate func setData(of socket: jf_socket, _ data: UnsafeMutableRawPointer?, _ free: jf_free_fn?) -> Int32 {
        var before: UInt64 = 0
        let code = dataNumber(of: socket, &before)
        guard code == JF_OK else { return code }
        if data != nil, pointer(before) == data { return JF_OK }
        let number =
            data.map { register(.data(PluginCall(function: free, context: $0), socket: socket, isReplaced: false)) }
            ?? 0
        var writer = WireWriter(capacity: 16)
        writer.integer(socket)
        writer.integer(number)
        let result = call(.setPluginData, writer)
        guard result == JF_OK else {
            remove(number)
            return result
        }
        replace(before)
        // If the socket disconnected meanwhile, the daemon frees the pointer, and that removes it.
        attached.withLock { $0[socket] = callback(number) == nil ? nil : number }
        return JF_OK
    }
}

/// `jf.rooms/1`.
enum RemoteRoomsInterface {
    static var table: jf_rooms_api {
        jf_rooms_api(
            struct_size: UInt32(MemoryLayout<jf_rooms_api>.size), revision: 1,
            join: { host, socket, room in
                LoadedPlugin.serveRemotely(host, "join") { (plugin, daemon) throws(HostCallError) in
                    try daemon.room(.join, socket, try plugin.room(room, "room"))
                }
            },
            leave: { host, socket, room in
                LoadedPlugin.serveRemotely(host, "leave") { (plugin, daemon) throws(HostCallError) in
                    try daemon.room(.leave, socket, try plugin.room(room, "room"))
                }
            },
            join_all: { host, which, rooms, count in
                LoadedPlugin.serveRemotely(host, "join_all") { (_, daemon) throws(HostCallError) in
                    try daemon.rooms(.joinAll, which, rooms, count)
                }
            },
            leave_all: { host, which, rooms, count in
                LoadedPlugin.serveRemotely(host, "leave_all") { (_, daemon) throws(HostCallError) in
                    try daemon.rooms(.leaveAll, which, rooms, count)
                }
            },
            members: { host, namespace, room, fetched, context in
                LoadedPlugin.serveRemotely(host, "members") { (_, daemon) throws(HostCallError) in
                    let callback = fetched.map { WorkerCallback.fetched(PluginCall(function: $0, context: context)) }
                    return try daemon.call(.members, causing: callback) { (writer, number) throws(HostCallError) in
                        try writer.argument(namespace, "nsp")
                        try writer.argument(room, "room")
                        writer.integer(number)
                    }
                }
            })
    }
}

extension DaemonLink {
    /// - Parameter room: checked.
    fileprivate func room(_ kind: WorkerMessage, _ socket: jf_socket, _ room: UnsafeRawBufferPointer)
        throws(HostCallError) -> Int32
    {
        var writer = WireWriter(capacity: room.count + 16)
        writer.integer(socket)
        writer.data(room)
        return call(kind, writer)
    }

    fileprivate func rooms(
        _ kind: WorkerMessage, _ which: UnsafePointer<jf_target>?, _ rooms: UnsafePointer<jf_text>?, _ count: UInt32
    ) throws(HostCallError) -> Int32 {
        var writer = WireWriter()
        try writer.target(which)
        try writer.arguments(rooms, count, most: WireWriter.mostRooms, "rooms")
        return call(kind, writer)
    }

    fileprivate func user(
        _ kind: WorkerMessage, _ user: jf_text,
        _ read: (Int32, inout WireReader) throws(MalformedMessage) -> Int32 = { code, _ in code }
    ) throws(HostCallError) -> Int32 {
        var writer = WireWriter()
        try writer.argument(user, "user")
        return call(kind, writer, read)
    }
}

/// `jf.presence/1`.
enum RemotePresenceInterface {
    static var table: jf_presence_api {
        jf_presence_api(
            struct_size: UInt32(MemoryLayout<jf_presence_api>.size), revision: 1,
            is_online: { host, user, online in
                online?.pointee = 0
                return LoadedPlugin.serveRemotely(host, "is_online") { (_, daemon) throws(HostCallError) in
                    guard let online else { throw .invalid("online is NULL") }
                    return try daemon.user(.isOnline, user) { code, reader throws(MalformedMessage) in
                        guard code == JF_OK else { return code }
                        online.pointee = try reader.integer()
                        return code
                    }
                }
            },
            connections: { host, user, count in
                count?.pointee = 0
                return LoadedPlugin.serveRemotely(host, "connections") { (_, daemon) throws(HostCallError) in
                    guard let count else { throw .invalid("count is NULL") }
                    return try daemon.user(.connections, user) { code, reader throws(MalformedMessage) in
                        guard code == JF_OK else { return code }
                        count.pointee = try reader.integer()
                        return code
                    }
                }
            },
            online_count: { host, count in
                count?.pointee = 0
                return LoadedPlugin.serveRemotely(host, "online_count") { (_, daemon) throws(HostCallError) in
                    guard let count else { throw .invalid("count is NULL") }
                    return try daemon.user(.onlineCount, jf_text()) { code, reader throws(MalformedMessage) in
                        guard code == JF_OK else { return code }
                        count.pointee = try reader.integer()
                        return code
                    }
                }
            },
            watch: { host, user in
                LoadedPlugin.serveRemotely(host, "watch") { (_, daemon) throws(HostCallError) in
                    if user.len > 0 { _ = try LoadedPlugin.user(user, "user") }
                    return try daemon.user(.watch, user)
                }
            },
            unwatch: { host, user in
                LoadedPlugin.serveRemotely(host, "unwatch") { (_, daemon) throws(HostCallError) in
                    if user.len > 0 { _ = try LoadedPlugin.user(user, "user") }
                    return try daemon.user(.unwatch, user)
                }
            })
    }
}

/// `jf.http/1`.
enum RemoteHTTPInterface {
    static var table: jf_http_api {
        jf_http_api(
            struct_size: UInt32(MemoryLayout<jf_http_api>.size), revision: 1,
            respond: { host, token, response in
                LoadedPlugin.serveRemotely(host, "respond") { (plugin, daemon) throws(HostCallError) in
                    try plugin.call(daemon, .respond, using: token) { (writer) throws(HostCallError) in
                        try writer.response(response)
                    }
                }
            },
            problem: { host, token, status, code, detail in
                LoadedPlugin.serveRemotely(host, "problem") { (plugin, daemon) throws(HostCallError) in
                    try plugin.call(daemon, .problem, using: token) { (writer) throws(HostCallError) in
                        writer.integer(status)
                        try writer.arguments(code, "code", detail, "detail", most: LoadedPlugin.largestError)
                    }
                }
            },
            stream: { host, token, response, watch, stream in
                stream?.pointee = 0
                return LoadedPlugin.serveRemotely(host, "stream") { (plugin, daemon) throws(HostCallError) in
                    guard let stream else { throw .invalid("stream is NULL") }
                    let callbacks = try watch.map { (pointer) throws(HostCallError) in
                        try PluginMemory.read(pointer, "watch")
                    }
                    return try plugin.stream(daemon, token, response, callbacks, stream)
                }
            },
            write: { host, stream, piece in
                LoadedPlugin.serveRemotely(host, "write") { (_, daemon) throws(HostCallError) in
                    var writer = WireWriter(capacity: piece.bytes.count + 32)
                    writer.integer(stream)
                    try writer.argument(piece, "piece")
                    return daemon.call(.write, writer)
                }
            },
            finish: { host, stream in
                LoadedPlugin.serveRemotely(host, "finish") { _, daemon in
                    var writer = WireWriter(capacity: 8)
                    writer.integer(stream)
                    return daemon.call(.finish, writer)
                }
            },
            watch: { host, stream, watch in
                LoadedPlugin.serveRemotely(host, "watch") { (_, daemon) throws(HostCallError) in
                    let callbacks = try watch.map { (pointer) throws(HostCallError) in
                        try PluginMemory.read(pointer, "watch")
                    }
                    return try daemon.call(.watchStream, causing: callbacks.map { .stream($0) }) { writer, number in
                        writer.integer(stream)
                        writer.flag(callbacks?.writable != nil)
                        writer.integer(callbacks?.reserved ?? 0)
                        writer.integer(number)
                    }
                }
            })
    }
}

extension LoadedPlugin {
    fileprivate func stream(
        _ daemon: DaemonLink, _ token: jf_token, _ response: UnsafePointer<jf_response>?,
        _ callbacks: jf_stream_callbacks?, _ stream: UnsafeMutablePointer<jf_stream>
    ) throws(HostCallError) -> Int32 {
        let number = callbacks.map { daemon.register(.stream($0)) } ?? 0
        var code = JF_E_INVALID
        // On any failure no callback comes.
        defer { if code != JF_OK { daemon.remove(number) } }
        code = try call(daemon, .stream, using: token) { (writer) throws(HostCallError) in
            try writer.response(response)
            writer.flag(callbacks?.writable != nil)
            writer.integer(callbacks?.reserved ?? 0)
            writer.integer(number)
        } reading: { code, reader throws(MalformedMessage) in
            guard code == JF_OK else { return code }
            stream.pointee = try reader.integer()
            return code
        }
        return code
    }
}
