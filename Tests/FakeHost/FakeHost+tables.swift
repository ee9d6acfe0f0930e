import CJackfield
import Foundation

/// The tables of the interfaces. Their functions record each call.
extension FakeHost {
    static func query(_ id: String, _ table: UnsafeMutableRawPointer?, _ size: UInt64) -> Int32 {
        func fill<Table>(_ value: Table) -> Int32 {
            withUnsafeBytes(of: value) { table?.copyMemory(from: $0.baseAddress!, byteCount: min(Int(size), $0.count)) }
            return JF_OK
        }
        switch id {
        case JF_CORE: return fill(core)
        case JF_TOKENS: return fill(tokens)
        case JF_EVENTS: return fill(events)
        case JF_SOCKETS: return fill(sockets)
        case JF_ROOMS: return fill(rooms)
        case JF_PRESENCE: return fill(presence)
        case JF_TIMERS: return fill(timers)
        case JF_HTTP: return fill(http)
        case JF_SERVICES: return fill(services)
        default: return JF_E_UNSUPPORTED
        }
    }

    private static var core: jf_core_api {
        var api = jf_core_api()
        api.log = { host, _, line in
            let line = FakeHost.string(line)
            FakeHost.of(host).with { $0.log.append(line) }
            return JF_OK
        }
        api.config = { host, out in
            let text = FakeHost.of(host).configText
            out?.pointee = jf_text(ptr: text.baseAddress, len: UInt64(text.count))
            return JF_OK
        }
        api.wall_ms = { host, ms in
            ms?.pointee = FakeHost.of(host).with { $0.now }
            return JF_OK
        }
        api.mono_ns = { _, ns in
            ns?.pointee = Int64(DispatchTime.now().uptimeNanoseconds)
            return JF_OK
        }
        api.post = { pointer, fn, context, _ in
            let host = FakeHost.of(pointer), number = UInt(bitPattern: context)
            host.with { $0.queue.append { fn?(host.instance, UnsafeMutableRawPointer(bitPattern: number)) } }
            return JF_OK
        }
        api.describe = { _, _, _ in JF_E_NOT_FOUND }
        api.batch = { pointer, fn, context in
            let host = FakeHost.of(pointer)
            host.with { $0.batches += 1 }
            fn?(host.instance, context)
            return JF_OK
        }
        return api
    }

    /// `keep` returns the same token, so that tests can compare it. Each token can be completed once.
    private static var tokens: jf_tokens_api {
        var api = jf_tokens_api()
        api.keep = { host, token, kept in
            kept?.pointee = token
            return token == 0 ? JF_E_GONE : JF_OK
        }
        api.drop = { host, token in
            guard FakeHost.of(host).complete(token) else { return JF_E_GONE }
            FakeHost.of(host).record(.dropped(token))
            return JF_OK
        }
        api.waits = { host, token, waiting in
            waiting?.pointee = FakeHost.of(host).with { $0.completed.contains(token) ? 0 : 1 }
            return JF_OK
        }
        return api
    }

    func complete(_ token: jf_token) -> Bool { token != 0 && with { $0.completed.insert(token).inserted } }

    private static var events: jf_events_api {
        var api = jf_events_api()
        api.emit = { host, socket, message in
            guard let message = message?.pointee else { return JF_E_INVALID }
            FakeHost.of(host).record(
                .emitted(
                    to: socket, name: FakeHost.string(message.name), args: FakeHost.string(message.args, or: "[]"),
                    attachments: FakeHost.octets(message.attachments, message.attachment_count)))
            return JF_OK
        }
        api.emit_ack = { pointer, socket, message, _, fn, context in
            guard let message = message?.pointee else { return JF_E_INVALID }
            let host = FakeHost.of(pointer), number = UInt(bitPattern: context)
            let name = FakeHost.string(message.name), args = FakeHost.string(message.args, or: "[]")
            host.with { state in
                state.questions.append(
                    (
                        socket,
                        { status, args in
                            withTexts([args]) { texts in
                                var answer = jf_answer()
                                answer.status = status
                                answer.socket = socket
                                answer.args = texts[0]
                                fn?(host.instance, UnsafeMutableRawPointer(bitPattern: number), &answer)
                            }
                        }
                    ))
                state.acts.append(.emitted(to: socket, name: name, args: args))
            }
            return JF_OK
        }
        api.broadcast = { host, target, message in
            guard let target = target?.pointee, let message = message?.pointee, FakeHost.isValidTarget(target) else {
                return JF_E_INVALID
            }
            FakeHost.of(host).record(
                .broadcast(
                    nsp: FakeHost.string(target.nsp, or: "/"), rooms: FakeHost.strings(target.rooms, target.room_count),
                    except: FakeHost.strings(target.except_rooms, target.except_count),
                    exceptSocket: target.except_socket,
                    name: FakeHost.string(message.name), args: FakeHost.string(message.args, or: "[]")))
            return JF_OK
        }
        api.ack = { host, token, args, attachments, count in
            guard FakeHost.of(host).complete(token) else { return JF_E_GONE }
            FakeHost.of(host).record(
                .acked(token, FakeHost.string(args, or: "[]"), attachments: FakeHost.octets(attachments, count)))
            return JF_OK
        }
        api.ack_error = { host, token, code, message in
            guard FakeHost.of(host).complete(token) else { return JF_E_GONE }
            let code = FakeHost.string(code), message = FakeHost.string(message)
            FakeHost.of(host).with {
                $0.detail[token] = message
                $0.acts.append(.ackFailed(token, code: code))
            }
            return JF_OK
        }
        return api
    }

    /// Whether a target is valid: either JF_TARGET_ALL, or at least one of user, rooms and socket.
    private static func isValidTarget(_ target: jf_target) -> Bool {
        let isSome = target.user.len > 0 || target.room_count > 0 || target.socket != 0
        return (target.flags & JF_TARGET_ALL != 0) != isSome
    }

    private static var sockets: jf_sockets_api {
        var api = jf_sockets_api()
        api.describe = { host, socket, _, out, capacity, length in
            guard let client = FakeHost.of(host).with({ $0.clients[socket] }) else { return JF_E_GONE }
            let text = Array(FakeHost.json(client).utf8)
            length?.pointee = UInt64(text.count)
            if text.count > capacity { return JF_E_SPACE }
            for (index, byte) in text.enumerated() { out?[index] = CChar(bitPattern: byte) }
            return JF_OK
        }
        api.set_plugin_data = { pointer, socket, data, free in
            let host = FakeHost.of(pointer)
            let before = host.with { state -> (UInt, jf_free_fn?)? in
                let before = state.pluginData.removeValue(forKey: socket)
                if let data { state.pluginData[socket] = (UInt(bitPattern: data), free) }
                return before
            }
            before.map { $0.1?(host.instance, UnsafeMutableRawPointer(bitPattern: $0.0)) }
            return JF_OK
        }
        api.disconnect = { host, socket, close in
            FakeHost.of(host).record(.disconnected(socket, close: close != 0))
            return JF_OK
        }
        api.fetch = { pointer, target, _, fn, context in
            guard let target = target?.pointee, FakeHost.isValidTarget(target) else { return JF_E_INVALID }
            let host = FakeHost.of(pointer), number = UInt(bitPattern: context)
            let rooms = FakeHost.strings(target.rooms, target.room_count)
            host.with { state in
                let found = state.clients.filter {
                    target.flags & JF_TARGET_ALL != 0 || !Set($0.value.rooms).isDisjoint(with: rooms)
                }.sorted { $0.key < $1.key }
                state.queue.append {
                    withSocketInfos(found) { items in
                        var fetched = jf_fetched()
                        fetched.struct_size = UInt32(MemoryLayout<jf_fetched>.size)
                        fetched.items = items.baseAddress
                        fetched.count = UInt64(items.count)
                        fetched.stride = UInt32(MemoryLayout<jf_socket_info>.stride)
                        fn?(host.instance, UnsafeMutableRawPointer(bitPattern: number), &fetched)
                    }
                }
            }
            return JF_OK
        }
        api.accept = { host, token, admission in
            guard FakeHost.of(host).complete(token) else { return JF_E_GONE }
            let user = admission.map { FakeHost.string($0.pointee.user) } ?? ""
            let claims = admission.map { FakeHost.string($0.pointee.claims) } ?? ""
            FakeHost.of(host).record(.accepted(token, user: user, claims: claims))
            return JF_OK
        }
        api.refuse = { host, token, message, data in
            guard FakeHost.of(host).complete(token) else { return JF_E_GONE }
            FakeHost.of(host).record(.refused(token, message: FakeHost.string(message), data: FakeHost.string(data)))
            return JF_OK
        }
        return api
    }

    private static func json(_ client: Client) -> String {
        let user = client.user.map { "\"\($0)\"" } ?? "null"
        return #"{"id":"\#(client.id)","nsp":"/","user":\#(user),"data":\#(client.data),"rooms":\#(client.rooms)}"#
    }

    private static var rooms: jf_rooms_api {
        var api = jf_rooms_api()
        api.join = { host, socket, room in
            let room = FakeHost.string(room)
            return FakeHost.of(host).with {
                guard $0.clients[socket] != nil else { return JF_E_GONE }
                $0.clients[socket]?.rooms.append(room)
                $0.acts.append(.joined(socket, room))
                return JF_OK
            }
        }
        api.leave = { host, socket, room in
            let room = FakeHost.string(room)
            return FakeHost.of(host).with {
                guard $0.clients[socket] != nil else { return JF_E_GONE }
                $0.clients[socket]?.rooms.removeAll { $0 == room }
                $0.acts.append(.left(socket, room))
                return JF_OK
            }
        }
        return api
    }

    private static var presence: jf_presence_api {
        var api = jf_presence_api()
        api.is_online = { host, user, online in
            let user = FakeHost.string(user)
            online?.pointee = FakeHost.of(host).with { $0.online[user] == nil ? 0 : 1 }
            return JF_OK
        }
        api.connections = { host, user, count in
            let user = FakeHost.string(user)
            count?.pointee = FakeHost.of(host).with { UInt64($0.online[user] ?? 0) }
            return JF_OK
        }
        api.online_count = { host, count in
            count?.pointee = FakeHost.of(host).with { UInt64($0.online.count) }
            return JF_OK
        }
        return api
    }

    private static var timers: jf_timers_api {
        var api = jf_timers_api()
        api.after = { pointer, _, fn, context, free, out in
            let host = FakeHost.of(pointer), timer = host.number(), number = UInt(bitPattern: context)
            host.with {
                $0.timers[timer] = { fn?(host.instance, UnsafeMutableRawPointer(bitPattern: number)) }
                $0.frees[timer] = { free?(host.instance, UnsafeMutableRawPointer(bitPattern: number)) }
            }
            out?.pointee = timer
            return JF_OK
        }
        api.cancel = { pointer, timer in
            let host = FakeHost.of(pointer)
            return host.with { state in
                guard state.timers.removeValue(forKey: timer) != nil else { return JF_E_GONE }
                if let free = state.frees.removeValue(forKey: timer) { state.queue.append(free) }
                return JF_OK
            }
        }
        return api
    }

    private static var http: jf_http_api {
        var api = jf_http_api()
        api.respond = { host, token, response in
            guard let response = response?.pointee else { return JF_E_INVALID }
            guard FakeHost.of(host).complete(token) else { return JF_E_GONE }
            var headers: [String: String] = [:]
            for pair in UnsafeBufferPointer(start: response.headers, count: Int(response.header_count)) {
                headers[FakeHost.string(pair.name)] = FakeHost.string(pair.value)
            }
            let body = String(
                decoding: UnsafeBufferPointer(start: response.body.ptr, count: Int(response.body.len)), as: UTF8.self)
            FakeHost.of(host).with {
                $0.headers[token] = headers
                $0.acts.append(.responded(token, status: Int(response.status), body: body))
            }
            return JF_OK
        }
        api.problem = { host, token, status, code, detail in
            guard FakeHost.of(host).complete(token) else { return JF_E_GONE }
            let code = FakeHost.string(code), detail = FakeHost.string(detail)
            FakeHost.of(host).with {
                $0.detail[token] = detail
                $0.acts.append(.problem(token, status: Int(status), code: code))
            }
            return JF_OK
        }
        api.stream = { host, token, _, watch, stream in
            guard FakeHost.of(host).complete(token) else { return JF_E_GONE }
            if let watch = watch?.pointee { FakeHost.of(host).with { $0.watches[token] = StreamWatch(watch) } }
            stream?.pointee = token
            return JF_OK
        }
        api.write = { host, stream, piece in
            let text = String(decoding: UnsafeBufferPointer(start: piece.ptr, count: Int(piece.len)), as: UTF8.self)
            return FakeHost.of(host).with {
                if $0.fullStreams { return JF_E_LIMIT }
                $0.acts.append(.streamed(stream, text))
                return JF_OK
            }
        }
        api.finish = { host, stream in
            let code = FakeHost.of(host).with {
                if $0.acts.contains(.streamEnded(stream)) { return JF_E_GONE }
                $0.acts.append(.streamEnded(stream))
                return JF_OK
            }
            if code == JF_OK { FakeHost.of(host).closeStream(stream, JF_OK) }
            return code
        }
        return api
    }
}
