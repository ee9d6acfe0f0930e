import CJackfield
import Support
import Transport

/// Receives a request for a plugin's handler. Made when the head of the request was accepted.
///
/// `@unchecked Sendable`: everything that changes does so on the loop, when the body is complete and before any other
/// thread gets the request.
final class PluginRequest: HTTPRequestReceiver, @unchecked Sendable {
    private var routed: RoutedRequest
    private var declaration: RouteDescriptor
    private var plugin: LoadedPlugin
    private var route: HTTPRoute

    init(_ routed: RoutedRequest, _ declaration: RouteDescriptor, of plugin: LoadedPlugin, route: HTTPRoute) {
        self.routed = routed
        self.declaration = declaration
        self.plugin = plugin
        self.route = route
    }

    /// Calls the handler as its run mode says. [loop]
    func respond(to request: HTTPRequest, through responder: HTTPResponder) {
        routed.request = request
        if let held = ThreadState.current?.loop?.heldCallbacks(of: plugin) {
            let refusal = held.append(bytes: bytes, of: sender) { _ in self.dispatch(through: responder) }
            guard let refusal else { return }
            HTTPProblem.respond(503, code: "overloaded", detail: plugin.overload(refusal), through: responder)
            return
        }
        dispatch(through: responder)
    }

    private func dispatch(through responder: HTTPResponder) {
        // A version that was replaced is not in force any more.
        if !plugin.isInForce { followReload() }
        let reply: PluginReply =
            if let timers = route.timers { .measured(RequestMeasurement(responder, timers)) } else {
                .unmeasured(responder)
            }
        // The plugin may have been unloaded between the head and the end of the body.
        guard plugin.isInForce else {
            reply.problem(503, code: "unavailable", detail: "the service '\(plugin.name)' has stopped")
            return
        }
        if let meter = route.meter {
            guard let loop = ThreadState.current?.loop else { return call(reply) }
            return loop.measure(meter) { call(reply) }
        }
        let task = StrandTask(
            route.callback, run: { self.call(reply) },
            drop: { reply.problem(503, code: "unavailable", detail: "the service '\(self.plugin.name)' has stopped") })
        if let refusal = strand.enqueue(task, of: sender, bytes: bytes) {
            reply.problem(503, code: "overloaded", detail: plugin.overload(refusal))
        }
    }

    private var sender: Sender { Sender(user: routed.identity.user, address: routed.request.remoteAddress) }
    /// Bytes of the queue that the request uses.
    private var bytes: Int { routed.request.size + routed.identity.claims.count }

    /// Passes the request to the version that has replaced the plugin since the head was accepted, if that version
    /// declares the route with the same conditions: they were checked for this request.
    private func followReload() {
        guard let latest = plugin.latestVersion, latest !== plugin,
            let successor = latest.httpRoutes.first(where: {
                $0.method == route.method && $0.path == route.path && $0.access == route.access
            }), case .plugin(_, let declaration) = successor.target
        else { return }
        (plugin, route, self.declaration) = (latest, successor, declaration)
    }

    private var strand: Strand {
        switch declaration.run {
        case .strand, .inline: return plugin.strand
        case .parallel: return plugin.leastLoaded
        // An anonymous client needs no more order than its connection gives, which has one running request at a time.
        case .byUser: return routed.identity.user.map { plugin.lane(LoadedPlugin.hash(of: $0)) } ?? plugin.leastLoaded
        case .byKey(let name): return plugin.lane(routed[name].map { LoadedPlugin.hash(of: $0) } ?? 0)
        }
    }

    /// Calls the handler. On the loop for an inline handler, else on the strand.
    private func call(_ reply: PluginReply) {
        guard let token = plugin.tokens.enter(.reply(reply), kept: false) else {
            reply.problem(
                503, code: "overloaded", detail: "the service '\(plugin.name)' has too many requests under way")
            return
        }
        routed.request.withBytes { request in
            routed.identity.withBytes { user, claims in
                var raw = jf_request.sized
                raw.reply = token.raw
                raw.method = jf_text(request.method)
                raw.path = jf_text(request.path)
                raw.body = jf_bytes(request.body)
                raw.user = jf_text(user)
                raw.claims = jf_text(claims)
                raw.address = jf_text(request.address)
                raw.context = declaration.context
                withPairs(of: request, in: &raw) { declaration.handler(plugin.instance, $0) }
            }
        }
        // If the token was neither completed nor kept, the handler cannot answer any more.
        guard let entry = plugin.tokens.reclaim(token), !reply.isGone else { return }
        plugin.log.warning(
            "the handler of \(declaration.method) \(declaration.path) returned without answering or keeping its token; the client gets 500"
        )
        plugin.abandon(entry)
    }

    /// Sets the parameters, query and headers of `raw`; valid for the call of `body`.
    private func withPairs(
        of request: HTTPRequestBytes, in raw: inout jf_request, _ body: (UnsafePointer<jf_request>) -> Void
    ) {
        let query = QueryParts(request.query)
        let count = routed.path.parameterCount + query.count + request.headerCount
        let isEncoded =
            PercentEncoding.isEncoded(request.path, .path) || PercentEncoding.isEncoded(request.query, .query)
        withUnsafeTemporaryAllocation(of: jf_pair.self, capacity: count) { pairs in
            withUnsafeTemporaryAllocation(
                byteCount: isEncoded ? request.path.count + request.query.count : 0, alignment: 1
            ) { buffer in
                var writer = PairWriter(pairs, buffer: buffer)
                routed.path.forEachParameter(of: request.path) { writer.add($0, writer.decoded($1, .path)) }
                (raw.params, raw.param_count) = writer.list(from: 0)
                let firstOfQuery = writer.count
                for part in query { writer.add(writer.decoded(part.name, .query), writer.decoded(part.value, .query)) }
                (raw.query, raw.query_count) = writer.list(from: firstOfQuery)
                let firstHeader = writer.count
                for index in 0..<request.headerCount {
                    let header = request.header(index)
                    writer.add(header.name, header.value)
                }
                (raw.headers, raw.header_count) = writer.list(from: firstHeader)
                body(&raw)
            }
        }
    }
}

/// The way to answer an HTTP request that a plugin handles.
///
/// An enum with the size of one reference, and a `switch` in each method, because the answers of inline handlers are on
/// the hot path.
enum PluginReply: Sendable {
    /// Of a handler that runs inline.
    case unmeasured(HTTPResponder)
    /// Of a handler that runs on a strand.
    case measured(RequestMeasurement)

    var isGone: Bool {
        switch self {
        case .unmeasured(let responder): responder.isGone
        case .measured(let measurement): measurement.responder.isGone
        }
    }

    /// - Returns: `false` if the request was answered before, or the client has gone.
    func respond(_ status: Int, _ fields: HTTPFields, _ body: UnsafeRawBufferPointer) -> Bool {
        switch self {
        case .unmeasured(let responder): responder.respond(status: status, fields: fields, body: body)
        case .measured(let measurement):
            measurement.answered(status, measurement.responder.respond(status: status, fields: fields, body: body))
        }
    }

    @discardableResult
    func problem(_ status: Int, code: String, detail: String) -> Bool {
        switch self {
        case .unmeasured(let responder): HTTPProblem.respond(status, code: code, detail: detail, through: responder)
        case .measured(let measurement):
            measurement.answered(
                status, HTTPProblem.respond(status, code: code, detail: detail, through: measurement.responder))
        }
    }

    func stream(_ status: Int, _ fields: HTTPFields) -> HTTPStream? {
        switch self {
        case .unmeasured(let responder): return responder.stream(status: status, fields: fields)
        case .measured(let measurement):
            let stream = measurement.responder.stream(status: status, fields: fields)
            _ = measurement.answered(status, stream != nil)
            return stream
        }
    }

    func onGone(_ handler: @escaping @Sendable () -> Void) {
        switch self {
        case .unmeasured(let responder): responder.onGone(handler)
        case .measured(let measurement): measurement.responder.onGone(handler)
        }
    }
}

/// Writes the name-value pairs of one request, valid for one call. Each text stays where it is in the request; only
/// values that must be decoded are copied.
struct PairWriter {
    private let pairs: UnsafeMutableBufferPointer<jf_pair>
    private(set) var count = 0
    /// Space for decoded texts; decoded text is never longer than its source.
    private var buffer: Slice<UnsafeMutableRawBufferPointer>

    /// - Parameters:
    ///   - pairs: one element for each pair that will be added.
    ///   - buffer: as large as all names and values that will be decoded.
    init(_ pairs: UnsafeMutableBufferPointer<jf_pair>, buffer: UnsafeMutableRawBufferPointer) {
        self.pairs = pairs
        self.buffer = buffer[...]
    }

    mutating func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        pairs.initializeElement(at: count, to: jf_pair(name: jf_text(name), value: jf_text(value)))
        count += 1
    }

    /// The decoded text of `part`; `part` itself if it cannot be decoded.
    mutating func decoded(_ part: UnsafeRawBufferPointer, _ form: PercentEncoding.Form) -> UnsafeRawBufferPointer {
        guard PercentEncoding.isEncoded(part, form),
            let decoded = PercentEncoding.text(part, form, in: UnsafeMutableRawBufferPointer(rebasing: buffer))
        else { return part }
        buffer = buffer[(buffer.startIndex + decoded.count)...]
        return decoded
    }

    /// The pairs from `start` to the last one.
    func list(from start: Int) -> (pairs: UnsafePointer<jf_pair>?, count: UInt32) {
        (count == start ? nil : pairs.baseAddress.map { UnsafePointer($0 + start) }, UInt32(count - start))
    }
}

/// The parameters of a query, still encoded. Skips empty ones.
struct QueryParts: Sequence, IteratorProtocol {
    private var rest: Slice<UnsafeRawBufferPointer>

    init(_ query: UnsafeRawBufferPointer) {
        rest = query[...]
    }

    /// The parameters, decoded; a text that cannot be decoded stays as the client wrote it.
    var decoded: [(name: ByteString, value: ByteString)] {
        map { part in
            func text(_ bytes: UnsafeRawBufferPointer) -> ByteString {
                PercentEncoding.text(bytes, .query) ?? ByteString(decoding: bytes)
            }
            return (text(part.name), text(part.value))
        }
    }

    var count: Int { reduce(0) { count, _ in count + 1 } }

    mutating func next() -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
        rest = rest.drop { $0 == UInt8(ascii: "&") }
        guard !rest.isEmpty else { return nil }
        let part = rest.prefix { $0 != UInt8(ascii: "&") }
        rest = rest[part.endIndex...]
        let name = part.prefix { $0 != UInt8(ascii: "=") }
        return (
            UnsafeRawBufferPointer(rebasing: name), UnsafeRawBufferPointer(rebasing: part.dropFirst(name.count + 1))
        )
    }
}
