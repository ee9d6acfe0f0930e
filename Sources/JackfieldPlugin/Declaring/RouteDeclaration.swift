/// An HTTP route, and the C function that all of them share.
final class RouteDeclaration {
    typealias Body = (any Plugin, borrowing Request) throws -> Response

    private let method: String
    private let path: String
    private let auth: UInt32
    private let scope: String
    private let run: Run?
    private let body: Body

    init(method: String, path: String, auth: UInt32, scope: String, run: Run?, body: @escaping Body) {
        self.method = method
        self.path = path
        self.auth = auth
        self.scope = scope
        self.run = run
        self.body = body
    }

    var declaration: jf_route_decl {
        jf_route_decl(
            method: .immortal(method), path: .immortal(path), handler: Self.handler, run: run?.code ?? JF_RUN_STRAND, auth: auth,
            scope: .immortal(scope), run_key: .immortal(run?.key ?? ""), context: Unmanaged.passRetained(self).toOpaque())
    }

    private static let handler: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_request>?) -> Void = { instance, request in
        guard let request, let context = request.pointee.context, let instance = Instance.of(instance) else { return }
        Unmanaged<RouteDeclaration>.fromOpaque(context).takeUnretainedValue().handle(request, instance)
    }

    private func handle(_ raw: UnsafePointer<jf_request>, _ instance: Instance) {
        var kept: HTTPReply?
        withUnsafeMutablePointer(to: &kept) { kept in
            let request = Request(raw: raw, host: instance.host, kept: kept)
            do {
                try instance.host.respond(answer(request, instance, kept), to: raw.pointee.reply)
            } catch {
                instance.host.log.error("\(request.method) \(request.path): \(error)")
            }
        }
    }

    private func answer(
        _ request: borrowing Request, _ instance: Instance, _ kept: UnsafeMutablePointer<HTTPReply?>
    ) -> Response {
        do {
            return try body(instance.plugin, request)
        } catch {
            let problem = Problem(telling: error)
            if problem.isInternal { instance.host.log.error("\(request.method) \(request.path): \(error)") }
            guard let reply = kept.pointee else { return .problem(problem) }
            reply.send(.problem(problem))
            return .later
        }
    }
}
