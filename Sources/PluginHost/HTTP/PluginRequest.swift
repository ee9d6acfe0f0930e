import CJackfield

/// A request on its way to a plugin's handler.
final class PluginRequest: Sendable {
    private let plugin: Plugin
    private let declaration: RouteDeclaration
    private let user: String?
    /// What the declaration's `run_key` names.
    private let key: String?
    private let parameterCount: Int
    private let queryCount: Int
    private let headerCount: Int
    /// method, path, body, user, claims, address; then names and values of parameters, query and headers.
    private let pack: TextPack

    private static let fixedParts = 6

    init(_ routed: RoutedRequest, _ declaration: RouteDeclaration, of plugin: Plugin) {
        self.plugin = plugin
        self.declaration = declaration
        user = routed.identity.user
        if case .byKey(let name) = declaration.run { key = routed[name] } else { key = nil }
        let request = routed.request
        let query = routed.query
        parameterCount = routed.parameters.count
        queryCount = query.count
        headerCount = request.headers.count
        var parts: [TextPack.Part] = [
            .text(request.method), .text(request.path), .bytes(request.body), .text(routed.identity.user ?? ""), .bytes(routed.identity.claims),
            .text(request.remoteAddress),
        ]
        for (name, value) in routed.parameters + query { parts += [.text(name), .text(value)] }
        for (name, value) in request.headers { parts += [.text(name.lowercased()), .text(value)] }
        pack = TextPack(parts)
    }

    /// Gives the request to the handler, where the declaration says. [loop]
    func handOver(_ reply: PluginReply) {
        guard declaration.run != .inline else { return call(reply) }
        let task = StrandTask(
            run: { self.call(reply) },
            drop: { reply.problem(503, code: "unavailable", detail: "the service '\(self.plugin.name)' has stopped") })
        let strand = key.map { plugin.lane(Plugin.hash(of: $0)) } ?? plugin.strand(for: declaration.run, user: user, else: UInt64(pack.count))
        if !strand.enqueue(task, bytes: pack.count) {
            reply.problem(503, code: "overloaded", detail: "the service '\(plugin.name)' has too much to do; try again later")
        }
    }

    /// Where the handler runs.
    private func call(_ reply: PluginReply) {
        guard let token = plugin.tokens.enter(.reply(reply), kept: false) else {
            reply.problem(503, code: "overloaded", detail: "the service '\(plugin.name)' has too many requests under way")
            return
        }
        let pairs = stride(from: Self.fixedParts, to: pack.indices.count, by: 2).map { jf_pair(name: pack[$0], value: pack[$0 + 1]) }
        pairs.withUnsafeBufferPointer { pairs in
            func list(_ start: Int, _ count: Int) -> UnsafePointer<jf_pair>? { count == 0 ? nil : pairs.baseAddress.map { $0 + start } }
            var raw = jf_request()
            raw.struct_size = UInt32(MemoryLayout<jf_request>.size)
            raw.reply = token.raw
            raw.method = pack[0]
            raw.path = pack[1]
            raw.body = jf_bytes(pack.bytes(2))
            raw.user = pack[3]
            raw.claims = pack[4]
            raw.address = pack[5]
            raw.param_count = UInt32(parameterCount)
            raw.params = list(0, parameterCount)
            raw.query_count = UInt32(queryCount)
            raw.query = list(parameterCount, queryCount)
            raw.header_count = UInt32(headerCount)
            raw.headers = list(parameterCount + queryCount, headerCount)
            raw.context = declaration.context
            declaration.handler(plugin.instance, &raw)
        }
        // Neither answered nor kept: nobody will.
        guard let entry = plugin.tokens.take(token) else { return }
        plugin.log.warning("the handler of \(declaration.method) \(declaration.path) returned without answering or keeping its token; the client gets 500")
        plugin.giveBack(entry)
    }
}
