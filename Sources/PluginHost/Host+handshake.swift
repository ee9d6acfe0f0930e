import CJackfield
import EngineIO

extension Host {
    /// Why a request may open no session, in the words of the first plugin that says so; `nil`: it may. For Transport, on its loops.
    public func refusal(of opening: Opening) -> String? {
        let loop = ThreadState.current?.loop
        for plugin in (loop?.snapshot ?? registry.withLock { $0.snapshot }).plugins {
            guard let handshake = plugin.descriptor.handshake, let meter = plugin.handshakeMeter, plugin.isInForce else { continue }
            let ask = { Self.ask(plugin, handshake, opening) }
            if let message = loop.map({ $0.measure(meter, ask) }) ?? ask() { return message }
        }
        return nil
    }

    private static func ask(
        _ plugin: Plugin,
        _ handshake: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_handshake>?, UnsafeMutablePointer<jf_refusal>?) -> Int32,
        _ opening: Opening
    ) -> String? {
        var parts: [TextPack.Part] = [.text(opening.uri), .text(opening.remoteAddress)]
        for header in opening.headers { parts += [.text(header.name.lowercased()), .text(header.value)] }
        let pack = TextPack(parts)
        let pairs = stride(from: 2, to: pack.indices.count, by: 2).map { jf_pair(name: pack[$0], value: pack[$0 + 1]) }
        var refusal = jf_refusal()
        refusal.struct_size = UInt32(MemoryLayout<jf_refusal>.size)
        let code = pairs.withUnsafeBufferPointer { pairs in
            var raw = jf_handshake()
            raw.struct_size = UInt32(MemoryLayout<jf_handshake>.size)
            raw.header_count = UInt32(pairs.count)
            raw.headers = pairs.baseAddress
            raw.url = pack[0]
            raw.address = pack[1]
            raw.secure = opening.secure ? 1 : 0
            return handshake(plugin.instance, &raw, &refusal)
        }
        guard code != JF_OK else { return nil }
        if code != JF_E_DENIED { plugin.log.warning("handshake failed with \(ResultCode.describe(code))") }
        let message = withUnsafeBytes(of: &refusal.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return message.isEmpty ? "Forbidden" : message
    }
}
