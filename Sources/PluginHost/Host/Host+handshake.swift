import CJackfield
import EngineIO
import Support
import Transport

extension Host {
    /// Asks the plugins' `handshake` hooks, in order, whether a request may open a session; the first refusal ends it.
    /// Collects the headers that the session's responses carry. For Transport, on its loops.
    public func allowRequest(_ handshakeRequest: HandshakeRequest) -> HandshakeDecision {
        var initial = HTTPFields()
        var always = HTTPFields()
        let loop = ThreadState.current?.loop
        for plugin in (loop?.snapshot ?? registry.withLock { $0.snapshot }).plugins {
            guard let handshake = plugin.descriptor.handshake, let meter = plugin.handshakeMeter, plugin.isInForce
            else { continue }
            var reply = jf_handshake_reply.sized
            let call = { Self.callHandshake(plugin, handshake, handshakeRequest, &reply) }
            let code = loop.map { $0.measure(meter, call) } ?? call()
            guard code == JF_OK else {
                let message = Self.message(of: &reply, code, plugin)
                onRefusal(
                    RefusalRecord(
                        .http, reason: "denied", detail: message, address: handshakeRequest.remoteAddress,
                        plugin: plugin.name))
                return .refuse(message)
            }
            withUnsafeBytes(of: &reply.initial) { plugin.addLines($0, to: &initial) }
            withUnsafeBytes(of: &reply.always) { plugin.addLines($0, to: &always) }
        }
        return .open(initial: initial, always: always)
    }

    private static func callHandshake(
        _ plugin: LoadedPlugin, _ handshake: PluginDescriptor.Handshake, _ handshakeRequest: HandshakeRequest,
        _ reply: inout jf_handshake_reply
    ) -> Int32 {
        var parts: [TextPack.Part] = [.text(handshakeRequest.uri), .text(handshakeRequest.remoteAddress)]
        for header in handshakeRequest.headers { parts += [.text(header.name.lowercased()), .text(header.value)] }
        let pack = TextPack(parts)
        let pairs = stride(from: 2, to: pack.indices.count, by: 2).map { jf_pair(name: pack[$0], value: pack[$0 + 1]) }
        return pairs.withUnsafeBufferPointer { pairs in
            var raw = jf_handshake.sized
            raw.header_count = UInt32(pairs.count)
            raw.headers = pairs.baseAddress
            raw.url = pack[0]
            raw.address = pack[1]
            raw.secure = handshakeRequest.secure ? 1 : 0
            raw.transport = handshakeRequest.transport.raw
            return withExtendedLifetime(pack) { handshake(plugin.instance, &raw, &reply) }
        }
    }

    private static func message(of reply: inout jf_handshake_reply, _ code: Int32, _ plugin: LoadedPlugin) -> String {
        if code != JF_E_DENIED {
            plugin.log.warning("handshake returned \(ResultCode.describe(code)), so the request was refused")
        }
        let message = withUnsafeBytes(of: &reply.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return message.isEmpty ? "Forbidden" : message
    }
}

extension LoadedPlugin {
    /// Response headers that only the transport may set.
    private static let ownHandshakeHeaders: [StaticString] =
        HTTPInterface.ownHeaders + [
            "content-type", "content-encoding", "trailer", "sec-websocket-accept", "sec-websocket-extensions",
            "sec-websocket-protocol",
        ]

    /// Adds the header fields that the plugin wrote, one per line; an invalid line is left out and logged.
    fileprivate func addLines(_ lines: UnsafeRawBufferPointer, to fields: inout HTTPFields) {
        var rest = lines.prefix { $0 != 0 }
        while !rest.isEmpty {
            let line = rest.prefix { $0 != 0x0A }
            rest = rest[min(line.endIndex + 1, rest.endIndex)...]
            let field = UnsafeRawBufferPointer(rebasing: line.last == 0x0D ? line.dropLast() : line)
            if let problem = Self.add(field, to: &fields) {
                log.warning("handshake: header line '\(jf_text.excerpt(of: field))' was left out: \(problem)")
            }
        }
    }

    /// - Returns: why the line was not added; `nil` if it was.
    private static func add(_ line: UnsafeRawBufferPointer, to fields: inout HTTPFields) -> StaticString? {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return "it has no colon" }
        let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
        let value = UnsafeRawBufferPointer(rebasing: line[(colon + 1)...].drop { $0 == 0x20 })
        guard !ownHandshakeHeaders.contains(where: name.isEqual(ignoringCase:)) else {
            return "this header is the host's"
        }
        return fields.add(name, value) ? nil : "its name or value holds characters that a header may not"
    }
}
