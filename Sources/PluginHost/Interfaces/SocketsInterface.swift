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
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                length?.pointee = 0
                guard plugin.isServed else { return JF_E_STATE }
                guard parts & JF_PART_ROOMS == 0 else { return plugin.invalid("describe", "JF_PART_ROOMS is for fetch only") }
                guard let info = plugin.host.info(socket) else { return JF_E_GONE }
                var json = JSONBuilder()
                json.socket(info, parts: parts, rooms: nil)
                return json.bytes.withUnsafeBytes { Plugin.write($0, out, capacity, length) }
            },
            set_data: { host, socket, json in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                return plugin.setData(of: socket, json)
            },
            disconnect: { host, socket, close in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard plugin.isServed else { return JF_E_STATE }
                return plugin.onSocket(socket) { $0.disconnect(close: close != 0) }
            },
            disconnect_all: { host, selection, close in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                return plugin.forEach("disconnect_all", selection) { _, socket in socket.disconnect(close: close != 0) }
            },
            fetch: { host, selection, parts, function, context in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard plugin.isServed else { return JF_E_STATE }
                guard let chosen = plugin.chosen("fetch", selection) else { return JF_E_INVALID }
                return plugin.fetch("fetch", chosen, parts: parts, function, context)
            },
            accept: { host, decision in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                return plugin.decide(Token(decision), .accept(ClientIdentity()))
            },
            refuse: { host, decision, message, data in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard data.len == 0 || JSONScanner.isValid(data.bytes) else { return plugin.invalid("refuse", "data is no JSON") }
                return plugin.decide(Token(decision), plugin.refusal(message: Array(message.bytes), data: Array(data.bytes), by: "refuse"))
            })
    }

    /// Bytes of a socket's data; the header promises this number.
    static let largestData = 65_536
    /// Sockets of one fetch; the header promises this number.
    static let largestFetch = 100_000
}

extension Plugin {
    fileprivate func setData(of handle: SocketHandle, _ json: jf_text) -> Int32 {
        guard isServed else { return JF_E_STATE }
        let bytes = json.bytes
        guard bytes.count <= SocketsInterface.largestData else { return JF_E_LIMIT }
        guard JSONScanner.isValid(bytes) else { return invalid("set_data", "the data is no JSON") }
        guard let info = host.info(handle) else { return JF_E_GONE }
        let data = Array(bytes)
        // At once for everyone who asks here, and on the loop for recovery.
        info.data = data
        return onSocket(handle) { $0.data = data }
    }

    fileprivate func decide(_ token: Token, _ verdict: ConnectVerdict) -> Int32 {
        let isDecision: (TokenEntry) -> Bool = { if case .decision = $0 { true } else { false } }
        guard case .decision(let admission, let stage)? = tokens.take(token, where: isDecision) else { return JF_E_GONE }
        return admission.decide(verdict, at: stage) ? JF_OK : JF_E_GONE
    }

    /// Gathers the sockets of a selection from all loops and calls back with them.
    func fetch(
        _ what: StaticString, _ chosen: Chosen, parts: UInt32, _ function: jf_fetched_fn?, _ context: UnsafeMutableRawPointer?
    ) -> Int32 {
        guard let function else { return invalid("\(what)", "fn is NULL") }
        guard let call = FetchCall(PluginCall(function: function, context: context), of: self, parts: parts, loops: host.contexts.count) else {
            return JF_E_LIMIT
        }
        let code = everywhere(bytes: 0) { loop in
            var found: [FetchCall.Found] = []
            var sockets = loop.sockets(chosen)
            let isCut = sockets.count > SocketsInterface.largestFetch
            if isCut { sockets.removeLast(sockets.count - SocketsInterface.largestFetch) }
            return LoopWork(sockets) { socket in
                guard let info = socket.userInfo as? SocketInfo else { return }
                found.append(FetchCall.Found(info: info, rooms: parts & JF_PART_ROOMS != 0 ? socket.rooms : nil))
            } finish: {
                call.loopFound(found, loop: loop.index, isCut: isCut)
            }
        }
        if code != JF_OK { call.forget() }
        return code
    }
}

extension JSONBuilder {
    /// A socket's description: the parts asked for, in the order of the header.
    mutating func socket(_ info: SocketInfo, parts: UInt32, rooms: [ByteString]?) {
        beginObject()
        if parts & JF_PART_ID != 0 {
            text(info.id, key: "id")
            text(info.namespace, key: "nsp")
        }
        if parts & JF_PART_USER != 0 { optional(info.user, key: "user") }
        if parts & JF_PART_CLAIMS != 0 { raw(info.claims, key: "claims") }
        if parts & JF_PART_HANDSHAKE != 0 {
            beginObject("handshake")
            handshake(info.opening)
            raw(info.auth, key: "auth")
            endObject()
        }
        if parts & JF_PART_DATA != 0 { raw(info.data, key: "data") }
        if let rooms {
            beginArray("rooms")
            for room in rooms { text(room) }
            endArray()
        }
        endObject()
    }
}
