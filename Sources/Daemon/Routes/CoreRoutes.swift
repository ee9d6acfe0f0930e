import PluginHost
import Presence
import PrometheusMetrics
import RawJSON
import Support
import Transport
import WebAssets

/// The daemon's own HTTP routes: health, readiness, metrics, presence, contracts, and the demo page.
struct CoreRoutes: Sendable {
    let host: Host
    let presence: PresenceService
    let metrics: PrometheusRegistry

    /// Registers the routes.
    ///
    /// - Parameters:
    ///   - socketPath: the path of Engine.IO without the final slash.
    ///   - servesPage: whether the demo page is served at `/`.
    /// - Throws: `RoutePath.Malformed`; the paths below are well-formed.
    func register(in router: HTTPRouter, socketPath: String, servesPage: Bool) throws(RoutePath.Malformed) {
        let (host, presence, metrics) = (host, presence, metrics)
        try router.register("GET", "/healthz") { _, responder in
            responder.respond(.object([.init("status", "ok")]))
        }
        try router.register("GET", "/readyz") { _, responder in
            let reasons = host.notReady
            let status: JSONValue = reasons.isEmpty ? "ready" : "not ready"
            let body = JSONValue.object([
                .init("status", status), .init("reasons", .array(reasons.map { .string($0) })),
            ])
            responder.respond(body, status: reasons.isEmpty ? 200 : 503)
        }
        try router.register("GET", "/metrics") { _, responder in
            Task {
                responder.respond(
                    status: 200, headers: [("Content-Type", MetricsText.contentType)], body: await metrics.page())
            }
        }
        try router.register("GET", "/v1/presence", access: RouteAccess(.required)) { _, responder in
            responder.respond(.object([.init("online", .integer(presence.onlineCount))]))
        }
        try router.register("GET", "/v1/presence/{user}", access: RouteAccess(.required)) { request, responder in
            let user = request["user"] ?? ""
            if let problem = UserID.problem(user) {
                HTTPProblem.respond(
                    400, code: "invalid_arguments", detail: "the user id in the path \(problem)", through: responder)
            } else {
                responder.respond(presence.status(of: user).json)
            }
        }
        try router.register("POST", "/v1/call/{event}", access: RouteAccess(.required)) { request, responder in
            host.callFunction(request, through: responder)
        }
        try router.register("GET", "/v1/contracts", access: RouteAccess(.required)) { _, responder in
            guard !host.isLoading else {
                HTTPProblem.respond(
                    503, code: "unavailable", detail: "plugins are loading, so the list of events is not complete",
                    headers: [("Retry-After", "1")], through: responder)
                return
            }
            // Not on the loop, since plugins decide how long the list is.
            Task { responder.respond(ContractList(events: host.declaredEvents).json) }
        }
        router.addHint("Socket.IO is at \(socketPath)/, with a slash at its end", at: ByteString(socketPath))
        guard !servesPage else { return try registerPage(in: router, path: socketPath) }
        router.addHint(
            "this is Jackfield. Socket.IO clients connect to this address, at \(socketPath)/; /healthz and /metrics tell how it is; \"jackfield serve --demo\" has a page here",
            at: "/")
    }

    private func registerPage(in router: HTTPRouter, path: String) throws(RoutePath.Malformed) {
        let page = Array(
            String(decoding: DemoPage.html, as: UTF8.self).replacing(
                Self.pathMark("/socket.io"), with: Self.pathMark(path)
            ).utf8)
        try router.register("GET", "/") { _, responder in
            responder.respond(
                status: 200,
                headers: [
                    ("Content-Type", "text/html; charset=utf-8"), ("Cache-Control", "no-store"),
                    ("Referrer-Policy", "no-referrer"),
                ],
                body: page)
        }
    }

    /// The attribute from which the page's script reads the path of Engine.IO.
    private static func pathMark(_ path: String) -> String {
        "data-socket-path=\"\(path)/\""
    }
}

extension HTTPResponder {
    /// Answers with JSON.
    fileprivate func respond(_ body: JSONValue, status: Int = 200) {
        respond(
            status: status, headers: [("Content-Type", "application/json"), ("Cache-Control", "no-store")],
            body: body.serialized)
    }
}
