import CJackfield
import RawJSON
import SocketIO
import Support

/// `jf.sockets/1`.
enum SocketsInterface {
    static var table: jf_sockets_api {
        jf_sockets_api(
            struct_size: UInt32(MemoryLayout<jf_sockets_api>.size), revision: 1,
            describe: { host, socket, parts, out, capacity, length in
                length?.pointee = 0
                return LoadedPlugin.serve(host, "describe") { (plugin) throws(HostCallError) in
                    guard parts & ~SocketsInterface.parts == 0 else { throw SocketsInterface.unknown(parts) }
                    guard parts & (JF_PART_ROOMS | JF_PART_JSON) == 0 else {
                        throw .invalid("JF_PART_ROOMS and JF_PART_JSON are for fetch only")
                    }
                    guard let info = plugin.host.info(socket) else { return JF_E_GONE }
                    var json = JSONWriter()
                    json.socket(info, parts: parts, rooms: nil)
                    return json.bytes.withUnsafeBytes { LoadedPlugin.write($0, out, capacity, length) }
                }
            },
            set_data: { host, socket, json in
                LoadedPlugin.serve(host, "set_data") { (plugin) throws(HostCallError) in
                    try plugin.setData(of: socket, json)
                }
            },
            set_plugin_data: { host, socket, data, free in
                LoadedPlugin.serve(host, "set_plugin_data") { (plugin) throws(HostCallError) in
                    plugin.setPluginData(of: socket, data, free)
                }
            },
            plugin_data: { host, socket, data in
                data?.pointee = nil
                return LoadedPlugin.serve(host, "plugin_data") { (plugin) throws(HostCallError) in
                    guard let data else { throw .invalid("data is NULL") }
                    guard plugin.host.info(socket) != nil else { return JF_E_GONE }
                    data.pointee = plugin.data(of: socket)?.pointer
                    return JF_OK
                }
            },
            disconnect: { host, socket, close in
                LoadedPlugin.serve(host, "disconnect") { (plugin) throws(HostCallError) in
                    let close = try SocketsInterface.flag(close)
                    return plugin.onSocket(socket) { $0.disconnect(close: close) }
                }
            },
            disconnect_all: { host, which, close in
                LoadedPlugin.serve(host, "disconnect_all") { (plugin) throws(HostCallError) in
                    let close = try SocketsInterface.flag(close)
                    return try plugin.forEach(which) { _, socket in socket.disconnect(close: close) }
                }
            },
            fetch: { host, which, parts, fetched, context in
                LoadedPlugin.serve(host, "fetch") { (plugin) throws(HostCallError) in
                    try plugin.fetch(try plugin.parseTarget(which), parts: parts, fetched, context)
                }
            },
            accept: { host, decision, admission in
                LoadedPlugin.serve(host, "accept") { (plugin) throws(HostCallError) in
                    try plugin.accept(ReplyToken(decision), admission)
                }
            },
            refuse: { host, decision, message, data in
                LoadedPlugin.serve(host, "refuse") { (plugin) throws(HostCallError) in
                    try plugin.refuse(ReplyToken(decision), message, data)
                }
            })
    }

    /// The parts that this host knows.
    private static let parts =
        JF_PART_ID | JF_PART_USER | JF_PART_CLAIMS | JF_PART_HANDSHAKE | JF_PART_DATA | JF_PART_ROOMS
        | JF_PART_CONNECTION | JF_PART_JSON

    fileprivate static func unknown(_ parts: UInt32) -> HostCallError {
        .invalid("parts is 0x\(String(parts, radix: 16)), of which this host does not know all")
    }

    /// Checks the length of a socket's data.
    static func checkData(_ json: jf_text) throws(HostCallError) {
        guard json.len <= largestData else {
            throw HostCallError(code: JF_E_LIMIT, problem: "json has \(json.len) bytes, more than \(largestData)")
        }
    }

    fileprivate static func check(_ parts: UInt32) throws(HostCallError) {
        guard parts & ~self.parts == 0 else { throw unknown(parts) }
    }

    private static func flag(_ close: Int32) throws(HostCallError) -> Bool {
        guard close == 0 || close == 1 else { throw .invalid("close is \(close), not 0 or 1") }
        return close == 1
    }

    /// Most bytes of a socket's data, of the claims that a plugin adds, and of a refusal; the header promises this
    /// number.
    static let largestData = 65_536
    /// Most sockets of one fetch; the header promises this number.
    static let largestFetch = 100_000
}

extension LoadedPlugin {
    fileprivate func setData(of handle: SocketHandle, _ json: jf_text) throws(HostCallError) -> Int32 {
        try SocketsInterface.checkData(json)
        let bytes = json.bytes
        guard JSONScanner.isValid(bytes) else { throw .invalid("json is no JSON") }
        guard let info = host.info(handle) else { return JF_E_GONE }
        let data = Array(bytes)
        // Set at once for reads from any thread, and on the loop for recovery.
        info.data = data
        return onSocket(handle) { $0.data = data }
    }

    // MARK: Decisions

    fileprivate func accept(_ token: ReplyToken, _ admission: UnsafePointer<jf_admission>?) throws(HostCallError)
        -> Int32
    {
        guard let admission else { return decide(token) { .accept(nil) } }
        let raw = try PluginMemory.read(admission, "admission")
        guard raw.reserved == 0 else { throw .invalid("admission->reserved is \(raw.reserved), not 0") }
        guard raw.expires_at >= 0 else { throw .invalid("admission->expires_at is \(raw.expires_at), before 1970") }
        var changes = AdmitChanges()
        if raw.user.len > 0 { changes.user = try Self.user(raw.user, "admission->user") }
        if raw.claims.len > 0 {
            changes.claims = try json(raw.claims, "admission->claims")
            guard JSONKind(firstByte: changes.claims?.first { $0 > 0x20 } ?? 0) == .object else {
                throw .invalid("admission->claims is no JSON object")
            }
        }
        if raw.data.len > 0 { changes.data = try json(raw.data, "admission->data") }
        if raw.expires_at > 0 { changes.expiresAt = raw.expires_at }
        return decide(token) {
            // Made only if the decision is the caller's: on failure the plugin still owns the pointer.
            if let data = raw.plugin_data { changes.pluginData = PluginData(data, freeing: raw.free_data, of: self) }
            return .accept(changes)
        }
    }

    fileprivate func refuse(_ token: ReplyToken, _ message: jf_text, _ data: jf_text) throws(HostCallError) -> Int32 {
        let messageBytes = try Self.bytes(message, "message", limit: SocketsInterface.largestData)
        let dataBytes = try Self.bytes(data, "data", limit: SocketsInterface.largestData - messageBytes.count)
        guard dataBytes.isEmpty || JSONScanner.isValid(dataBytes) else { throw .invalid("data is no JSON") }
        let verdict = refusal(message: Array(messageBytes), data: Array(dataBytes), by: "refuse")
        return decide(token) { verdict }
    }

    private func json(_ text: jf_text, _ name: StaticString) throws(HostCallError) -> [UInt8] {
        let bytes = try Self.bytes(text, "\(name)", limit: SocketsInterface.largestData)
        guard JSONScanner.isValid(bytes) else { throw .invalid("\(name) is no JSON") }
        return Array(bytes)
    }

    /// - Parameter verdict: called only if the decision is the caller's.
    private func decide(_ token: ReplyToken, _ verdict: () -> AdmitDecision) -> Int32 {
        switch tokens.complete(token, where: { if case .decision = $0 { true } else { false } }) {
        case .entry(.decision(let admission, let stage)):
            guard admission.isWaiting(at: stage) else { return JF_E_GONE }
            return admission.decide(verdict(), at: stage) ? JF_OK : JF_E_GONE
        case .elsewhere: return usedElsewhere()
        case .otherKind: return invalid("accept or refuse", "the token is not that of a decision")
        case .entry, .gone: return JF_E_GONE
        }
    }

    /// Gathers the sockets of a target from all loops and calls `fetched` with them.
    func fetch(_ parsed: ParsedTarget, parts: UInt32, _ fetched: jf_fetched_fn?, _ context: UnsafeMutableRawPointer?)
        throws(HostCallError) -> Int32
    {
        try SocketsInterface.check(parts)
        guard let fetched else { throw .invalid("fetched is NULL") }
        let call = FetchCall(
            PluginCall(function: fetched, context: context), of: self, parts: parts, loops: host.contexts.count)
        guard call.isPromised else { return call.code }
        let code = everywhere(bytes: 0) { loop in
            var found: [FetchCall.Found] = []
            var sockets = loop.sockets(parsed)
            let isCut = sockets.count > SocketsInterface.largestFetch
            if isCut { sockets.removeLast(sockets.count - SocketsInterface.largestFetch) }
            return LoopWork(sockets) { socket in
                guard let info = SocketInfo.of(socket) else { return }
                let socket = FetchCall.Found(info: info, rooms: parts & JF_PART_ROOMS != 0 ? socket.rooms : nil)
                if call.reserve(for: socket) { found.append(socket) }
            } finish: {
                call.addResult(found, loop: loop.index, isCut: isCut)
            }
        }
        if code != JF_OK { call.forget() }
        return code
    }
}

extension JSONWriter {
    /// Writes a socket's description: the requested parts, in the order of the header.
    mutating func socket(_ info: SocketInfo, parts: UInt32, rooms: [ByteString]?) {
        beginObject()
        if parts & JF_PART_ID != 0 {
            text(info.id, key: "id")
            text(info.namespace, key: "nsp")
        }
        if parts & JF_PART_USER != 0 {
            if let user = info.user { text(user, key: "user") } else { null(key: "user") }
        }
        if parts & JF_PART_CLAIMS != 0 { raw(info.claims, key: "claims") }
        if parts & JF_PART_HANDSHAKE != 0 { raw(info.handshake, key: "handshake") }
        if parts & JF_PART_DATA != 0 { raw(info.data, key: "data") }
        if parts & JF_PART_CONNECTION != 0 {
            beginObject("connection")
            integer(info.connection, key: "number")
            text(info.handshakeRequest.transport.rawValue, key: "transport")
            endObject()
        }
        if let rooms {
            beginArray("rooms")
            for room in rooms { text(room) }
            endArray()
        }
        endObject()
    }
}
