import CJackfield
import RawJSON
import Signatures
import SocketIO
import Support
import Transport

/// One call of a C function over HTTP.
///
/// `@unchecked Sendable`: immutable, and its fields are only read.
final class HTTPFunctionCall: @unchecked Sendable {
    private let function: BoundFunction
    private let routed: RoutedRequest
    private let reply: PluginReply

    init(_ function: BoundFunction, _ routed: RoutedRequest, through responder: HTTPResponder) {
        self.function = function
        self.routed = routed
        reply =
            if let timers = function.timers { .measured(RequestMeasurement(responder, timers)) } else {
                .unmeasured(responder)
            }
    }

    /// Checks the body, then calls the function as its run mode says. [loop]
    func begin() {
        let plugin = function.plugin
        guard plugin.isInForce else { return stopped() }
        if let problem = routed.request.withBytes({ problem(of: $0.body) }) {
            return answer(FunctionFailure(code: "invalid_arguments", message: problem))
        }
        if let meter = function.meter {
            guard let loop = ThreadState.current?.loop else { return run() }
            return loop.measure(meter) { run() }
        }
        let task = StrandTask(function.callback, run: { self.run() }, drop: { self.stopped() })
        let sender = Sender(user: routed.identity.user, address: routed.request.remoteAddress)
        if let refusal = strand.enqueue(task, of: sender, bytes: routed.request.size) {
            reply.problem(503, code: "overloaded", detail: plugin.overload(refusal))
        }
    }

    /// Why the body cannot be the arguments; nil if it can.
    private func problem(of body: UnsafeRawBufferPointer) -> String? {
        guard function.run != .inline || body.count <= BoundFunction.largestInline else {
            return BoundFunction.problem(ofInlineArguments: body.count)
        }
        let expected = "the body must be a JSON array of the arguments"
        guard !body.isEmpty else { return expected }
        do throws(JSONSyntaxError) {
            guard try JSONScanner.document(body).kind == .array else { return expected }
        } catch {
            return "\(expected): \(error)"
        }
        return function.contract.checkArguments(body, attachments: 0, binary: .base64)?.description
    }

    private var strand: Strand {
        let plugin = function.plugin
        switch function.run {
        case .strand, .inline: return plugin.strand
        case .parallel: return plugin.leastLoaded
        case .byUser: return routed.identity.user.map { plugin.lane(LoadedPlugin.hash(of: $0)) } ?? plugin.leastLoaded
        case .byKey:
            return routed.request.withBytes { request in
                function.key.withUnsafeBytes { pointer in
                    guard let token = try? JSONPointer.find(pointer, in: request.body) else { return plugin.lane(0) }
                    return plugin.lane(EventTable.hash(UnsafeRawBufferPointer(rebasing: request.body[token.range])))
                }
            }
        }
    }

    /// Calls the function and answers. On the loop for a function that runs inline, else on a strand.
    private func run() {
        // Nobody waits for the result any more.
        guard !reply.isGone else { return }
        routed.request.withBytes { request in
            function.call(request.body, attachments: nil, count: 0, binary: .base64) { result in
                switch result {
                case .success(let value): answer(value)
                case .failure(let failure): answer(failure)
                }
            }
        }
    }

    // MARK: Answers

    private static let fields = HTTPFields([("Content-Type", "application/json"), ("Cache-Control", "no-store")])

    private func answer(_ value: jf_value) {
        do throws(ValueWriter.Unwritable) {
            try ValueWriter.withJSON(of: value, #"{"result":"#, "}", binary: .base64) { json, _ in
                _ = reply.respond(200, Self.fields, json)
            }
        } catch {
            answer(function.unwritable(error))
        }
    }

    private func answer(_ failure: FunctionFailure) {
        let status =
            switch failure.code {
            case "invalid_arguments": 400
            // The function itself says no, so no proxy may regard the host as broken: no status of 500 or more.
            case "failed": 422
            default: 500
            }
        reply.problem(status, code: failure.code, detail: failure.message)
    }

    private func stopped() {
        reply.problem(503, code: "unavailable", detail: "the service '\(function.plugin.name)' has stopped")
    }
}

extension Host {
    /// Bytes of an event's name that an answer repeats, and for which it suggests another one.
    private static let longestShownName = 64

    /// Answers a request to `POST /v1/call/{event}`: calls the function that is bound to this event of `/`. [loop]
    public func callFunction(_ request: RoutedRequest, through responder: HTTPResponder) {
        guard !isStopping.load(ordering: .relaxed) else {
            HTTPProblem.respond(503, code: "unavailable", detail: "the host is stopping", through: responder)
            return
        }
        let event = request["event"] ?? ""
        let functions = (ThreadState.current?.loop?.snapshot ?? registry.withLock { $0.snapshot }).functions
        if let function = functions[event] {
            if let held = ThreadState.current?.loop?.heldCallbacks(of: function.plugin) {
                let sender = Sender(user: request.identity.user, address: request.request.remoteAddress)
                let refusal = held.append(bytes: request.request.size, of: sender) { _ in
                    self.callFunction(request, through: responder)
                }
                guard let refusal else { return }
                let detail = function.plugin.overload(refusal)
                HTTPProblem.respond(503, code: "overloaded", detail: detail, through: responder)
                return
            }
            return HTTPFunctionCall(function, request, through: responder).begin()
        }
        guard !isLoading else {
            HTTPProblem.respond(
                503, code: "unavailable", detail: "plugins are loading; try again", headers: [("Retry-After", "1")],
                through: responder)
            return
        }
        // Any client may ask this on the loop, so few and similar names are compared.
        let similar = functions.keys.lazy.filter { abs($0.count - event.count) <= 2 }.prefix(64).map(\.text)
        let nearest =
            event.count <= Self.longestShownName ? Spelling.nearest(to: event.text, among: Array(similar)) : nil
        HTTPProblem.respond(
            404, code: "not_found",
            detail:
                "no function is bound to the event '\(event.withBytes { String(cutting: $0, to: Self.longestShownName) })'"
                + (nearest.map { "; did you mean '\($0)'?" } ?? ""),
            through: responder)
    }
}
