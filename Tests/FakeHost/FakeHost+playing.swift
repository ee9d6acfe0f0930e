import CJackfield

/// The actions of clients and of the operator.
extension FakeHost {
    public typealias Main = (UnsafePointer<jf_boot>?, UnsafeMutablePointer<jf_plugin>?) -> Int32

    /// Calls `jf_plugin_main`, `create` and `start`. Returns the error of the first that fails, nil if the plugin runs.
    public func load(_ main: Main) -> String? {
        var boot = jf_boot()
        boot.struct_size = UInt32(MemoryLayout<jf_boot>.size)
        boot.abi = UInt32(JF_ABI)
        boot.host = pointer
        boot.query = { host, id, table, size in
            let id = id.map { String(cString: $0) } ?? ""
            if FakeHost.of(host).missingInterface == id { return JF_E_UNSUPPORTED }
            return FakeHost.query(id, table, size)
        }
        let code = main(&boot, &plugin)
        if code != JF_OK { return "jf_plugin_main: \(code)" }
        var error = jf_error()
        if let create = plugin.create, create(pointer, &instance, &error) != JF_OK { return Self.message(error) }
        if let start = plugin.start, start(instance, &error) != JF_OK { return Self.message(error) }
        return nil
    }

    public func unload() {
        plugin.stop?(instance)
        let kept = with { state in
            defer { state.pluginData = [:] }
            return state.pluginData.values.map { $0 }
        }
        for (data, free) in kept { free?(instance, UnsafeMutableRawPointer(bitPattern: data)) }
        plugin.destroy?(instance)
        instance = nil
    }

    public func ready() -> String? {
        var error = jf_error()
        guard let ready = plugin.ready else { return nil }
        return ready(instance, &error) == JF_OK ? nil : Self.message(error)
    }

    static func message(_ error: jf_error) -> String {
        var error = error
        return text(&error.message)
    }

    /// The text of a terminated string in a C array.
    private static func text<Characters>(_ characters: inout Characters) -> String {
        withUnsafeBytes(of: &characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    // MARK: Declarations

    public var events: [jf_event_decl] {
        Array(UnsafeBufferPointer(start: plugin.events.items, count: Int(plugin.events.count)))
    }
    public var namespaces: [jf_nsp_decl] {
        Array(UnsafeBufferPointer(start: plugin.nsps.items, count: Int(plugin.nsps.count)))
    }
    public var routes: [jf_route_decl] {
        Array(UnsafeBufferPointer(start: plugin.routes.items, count: Int(plugin.routes.count)))
    }
    public var timers: [jf_timer_decl] {
        Array(UnsafeBufferPointer(start: plugin.timers.items, count: Int(plugin.timers.count)))
    }

    /// The signature of the event with this name, empty if it has none; nil: no such event.
    public func signature(of name: String, nsp: String = "/") -> String? {
        events.first { Self.string($0.name) == name && Self.namespaces($0).contains(nsp) }.map {
            Self.string($0.signature)
        }
    }

    /// The events that the plugin emits: namespace, name and signature.
    public var emits: [[String]] {
        UnsafeBufferPointer(start: plugin.emits.items, count: Int(plugin.emits.count)).map {
            [Self.string($0.nsp, or: "/"), Self.string($0.name), Self.string($0.signature)]
        }
    }

    /// The C functions that answer events: namespace, name and signature.
    public var functions: [[String]] {
        UnsafeBufferPointer(start: plugin.functions.items, count: Int(plugin.functions.count)).map {
            [Self.string($0.nsp, or: "/"), Self.string($0.name), Self.string($0.signature)]
        }
    }

    // MARK: Clients

    /// A client emits an event, by default with an ack. `declared` is the `nsp` of the declaration, if it is a pattern.
    /// Returns the ack's token.
    @discardableResult
    public func emit(
        _ name: String, _ args: String = "[]", from socket: jf_socket = 1, user: String? = nil, nsp: String = "/",
        declared: String? = nil,
        attachments: [[UInt8]] = [], wantsAck: Bool = true
    ) -> jf_token {
        let token = wantsAck ? number() : 0
        let declared = declared ?? nsp
        for declaration in events
        where Self.namespaces(declaration).contains(declared)
            && (Self.string(declaration.name) == name || declaration.flags & JF_EVENT_OBSERVE != 0)
        {
            withTexts([nsp, name, args, user ?? "", "id-\(socket)"]) { texts in
                withOctets(attachments) { octets in
                    var event = jf_event()
                    event.struct_size = UInt32(MemoryLayout<jf_event>.size)
                    event.socket = socket
                    event.ack = declaration.flags & JF_EVENT_OBSERVE != 0 ? 0 : token
                    event.nsp = texts[0]
                    event.name = texts[1]
                    event.args = texts[2]
                    event.user = texts[3]
                    event.id = texts[4]
                    event.plugin_data = with { $0.pluginData[socket] }.flatMap {
                        UnsafeMutableRawPointer(bitPattern: $0.0)
                    }
                    event.connection = socket
                    event.attachments = octets.baseAddress
                    event.attachment_count = UInt32(octets.count)
                    event.context = declaration.context
                    declaration.handler?(instance, &event)
                }
            }
        }
        return token
    }

    private static func namespaces(_ declaration: jf_event_decl) -> [String] {
        let further = strings(declaration.nsps, declaration.nsp_count)
        return declaration.nsp.len == 0 && !further.isEmpty ? further : [string(declaration.nsp, or: "/")] + further
    }

    /// The result of a plugin's `admit`.
    public struct Admission: Equatable {
        public let code: Int32
        public let message: String
        public let data: String
        public let decision: jf_token

        public init(code: Int32, message: String, data: String, decision: jf_token) {
            self.code = code
            self.message = message
            self.data = data
            self.decision = decision
        }
    }

    public func admit(_ nsp: String, auth: String = "{}", user: String? = nil, declared: String? = nil) -> Admission? {
        guard let declaration = namespaces.first(where: { Self.string($0.name) == declared ?? nsp }),
            let admit = declaration.admit
        else {
            return nil
        }
        let decision = number()
        return withTexts([nsp, auth, user ?? "", "{}", "{\"headers\":{}}"]) { texts in
            var attempt = jf_attempt()
            attempt.struct_size = UInt32(MemoryLayout<jf_attempt>.size)
            attempt.decision = decision
            attempt.connection = 7
            attempt.transport = JF_TRANSPORT_POLLING
            attempt.nsp = texts[0]
            attempt.auth = texts[1]
            attempt.user = texts[2]
            attempt.claims = texts[3]
            attempt.handshake = texts[4]
            attempt.context = declaration.context
            var refusal = jf_refusal()
            let code = admit(instance, &attempt, &refusal)
            return Admission(
                code: code, message: Self.text(&refusal.message), data: Self.text(&refusal.data), decision: decision)
        }
    }

    /// A client requests a new session. Returns the result of the plugin's `handshake`; nil: the plugin has none.
    public func handshake(
        _ url: String = "/socket.io/?EIO=4&transport=polling", headers: [(String, String)] = [],
        address: String = "192.0.2.1", secure: Bool = false
    ) -> (code: Int32, message: String)? {
        guard let handshake = plugin.handshake else { return nil }
        return withTexts([url, address] + headers.flatMap { [$0.0, $0.1] }) { texts in
            let pairs = stride(from: 2, to: texts.count, by: 2).map { jf_pair(name: texts[$0], value: texts[$0 + 1]) }
            return pairs.withUnsafeBufferPointer { pairs in
                var request = jf_handshake()
                request.struct_size = UInt32(MemoryLayout<jf_handshake>.size)
                request.headers = pairs.baseAddress
                request.header_count = UInt32(pairs.count)
                request.url = texts[0]
                request.address = texts[1]
                request.secure = secure ? 1 : 0
                request.transport = JF_TRANSPORT_POLLING
                var reply = jf_handshake_reply()
                let code = handshake(instance, &request, &reply)
                with { $0.handshakeHeaders = (Self.text(&reply.initial), Self.text(&reply.always)) }
                return (code, Self.text(&reply.message))
            }
        }
    }

    /// A socket connects: adds it to the clients and calls the plugin's `connected` hooks.
    public func connect(
        _ socket: jf_socket, user: String? = nil, nsp: String = "/", auth: String = "{}",
        recovered rooms: [String]? = nil
    ) {
        let client = Client(id: "id-\(socket)", user: user, rooms: rooms ?? [])
        setClient(socket, client)
        visit(socket, client, nsp, auth: auth, reason: "", recovered: rooms != nil) { $0.connected }
    }

    /// A socket disconnects: removes it from the clients and calls the plugin's `disconnecting` and `disconnected`
    /// hooks.
    public func disconnect(_ socket: jf_socket, nsp: String = "/", reason: String = "transport close") {
        guard let client = with({ $0.clients[socket] }) else { return }
        visit(socket, client, nsp, auth: "", reason: reason, recovered: false) { $0.disconnecting }
        setClient(socket, nil)
        visit(socket, client, nsp, auth: "", reason: reason, recovered: false) { $0.disconnected }
    }

    private func visit(
        _ socket: jf_socket, _ client: Client, _ nsp: String, auth: String, reason: String, recovered: Bool,
        _ hook: (jf_nsp_decl) -> (@convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_socket_event>?) -> Void)?
    ) {
        for declaration in namespaces where Self.string(declaration.name) == nsp {
            guard let hook = hook(declaration) else { continue }
            withTexts([nsp, client.id, client.user ?? "", auth, reason] + client.rooms) { texts in
                let rooms = Array(texts[5...])
                rooms.withUnsafeBufferPointer { rooms in
                    var event = jf_socket_event()
                    event.struct_size = UInt32(MemoryLayout<jf_socket_event>.size)
                    event.socket = socket
                    event.nsp = texts[0]
                    event.id = texts[1]
                    event.user = texts[2]
                    event.auth = texts[3]
                    event.reason = texts[4]
                    event.rooms = rooms.baseAddress
                    event.room_count = UInt32(rooms.count)
                    event.recovered = recovered ? 1 : 0
                    event.connection = socket
                    event.transport = JF_TRANSPORT_WEBSOCKET
                    event.context = declaration.context
                    hook(instance, &event)
                }
            }
        }
    }

    // MARK: HTTP

    /// A client sends a request to the route that matches. Returns the token of the reply, 0 if no route matches.
    @discardableResult
    public func request(
        _ method: String, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [],
        body: String = "",
        user: String? = nil
    ) -> jf_token {
        for route in routes where Self.string(route.method) == method {
            guard let params = Self.match(Self.string(route.path), path) else { continue }
            let token = number()
            let flat = (params + query + headers).flatMap { [$0.0, $0.1] }
            withTexts([method, path, user ?? "", "{}", "127.0.0.1", body] + flat) { texts in
                let pairs = stride(from: 6, to: texts.count, by: 2).map {
                    jf_pair(name: texts[$0], value: texts[$0 + 1])
                }
                pairs.withUnsafeBufferPointer { pairs in
                    var request = jf_request()
                    request.struct_size = UInt32(MemoryLayout<jf_request>.size)
                    request.reply = token
                    request.method = texts[0]
                    request.path = texts[1]
                    request.user = texts[2]
                    request.claims = texts[3]
                    request.address = texts[4]
                    request.body = jf_bytes(
                        ptr: UnsafeRawPointer(texts[5].ptr)?.assumingMemoryBound(to: UInt8.self), len: texts[5].len)
                    request.params = pairs.baseAddress
                    request.param_count = UInt32(params.count)
                    request.query = pairs.baseAddress.map { $0 + params.count }
                    request.query_count = UInt32(query.count)
                    request.headers = pairs.baseAddress.map { $0 + params.count + query.count }
                    request.header_count = UInt32(headers.count)
                    request.context = route.context
                    route.handler?(instance, &request)
                }
            }
            return token
        }
        return 0
    }

    private static func match(_ template: String, _ path: String) -> [(String, String)]? {
        let wanted = template.split(separator: "/"), given = path.split(separator: "/")
        guard wanted.count == given.count else { return nil }
        var params: [(String, String)] = []
        for (want, is_) in zip(wanted, given) {
            if want.hasPrefix("{") {
                params.append((String(want.dropFirst().dropLast()), String(is_)))
            } else if want != is_ {
                return nil
            }
        }
        return params
    }
}
