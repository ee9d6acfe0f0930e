/// An event that the plugin handles, and the C function that all of them share.
final class EventDeclaration {
    typealias Body = (any Plugin, Socket, borrowing Event) throws -> Void

    private let namespaces: [String]
    private let name: String
    private let run: Run?
    private let flags: UInt32
    private let body: Body

    init(namespaces: [String], name: String, run: Run?, flags: UInt32, body: @escaping Body) {
        self.namespaces = namespaces
        self.name = name
        self.run = run
        self.flags = flags
        self.body = body
    }

    /// Retains itself for ever: the host may call as long as the image lives.
    var declaration: jf_event_decl {
        let nsps = Boundary.immortal(namespaces.map { jf_text.immortal($0) })
        return jf_event_decl(
            nsp: jf_text(), name: .immortal(name), handler: Self.handler, run: run?.code ?? JF_RUN_STRAND, flags: flags,
            run_key: .immortal(run?.key ?? ""), context: Unmanaged.passRetained(self).toOpaque(), nsps: nsps.items, nsp_count: nsps.count, reserved: 0)
    }

    private static let handler: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<jf_event>?) -> Void = { instance, event in
        guard let event, let context = event.pointee.context, let instance = Instance.of(instance) else { return }
        Unmanaged<EventDeclaration>.fromOpaque(context).takeUnretainedValue().handle(event, instance)
    }

    private func handle(_ raw: UnsafePointer<jf_event>, _ instance: Instance) {
        var kept: Reply?
        withUnsafeMutablePointer(to: &kept) { kept in
            let event = Event(raw: raw, host: instance.host, kept: kept)
            do {
                try body(instance.plugin, event.socket, event)
            } catch {
                let problem = Problem(telling: error)
                if problem.isInternal { instance.host.log.error("event '\(event.name)': \(error)") }
                if let reply = kept.pointee { reply.fail(problem) } else { event.fail(problem) }
            }
        }
    }
}
