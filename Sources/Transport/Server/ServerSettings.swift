/// The options of a server that may change while it serves. Immutable: each loop has a reference, and gets another one
/// between two events; see ``Server/adopt(_:)``.
final class ServerSettings: Sendable {
    let cors: CORSOptions?
    /// The CORS fields of every response, if they do not depend on the request.
    let corsFields: HTTPFields?
    let maxHTTPBody: Int
    let maxBeforeJoining: Int
    let maxStreamBuffer: Int
    /// Whether each request is logged.
    let logsRequests: Bool

    init(_ options: TransportOptions, logsRequests: Bool = false) {
        cors = options.cors
        corsFields = options.cors.flatMap { $0.isFixed ? $0.fields(for: nil) : nil }
        maxHTTPBody = options.maxHTTPBody
        maxBeforeJoining = options.maxBeforeJoining
        maxStreamBuffer = options.maxStreamBuffer
        self.logsRequests = logsRequests
    }
}

extension Server {
    /// Puts in force what may change while the server serves: CORS, the limits of bodies, of output, of memory, of
    /// connections and of sessions, but not those for one address. Also reads the logger's level again. Any thread.
    ///
    /// The limits of connections and sessions hold from now on, the others on each loop once it has run a job. What is
    /// open stays open, although there may be more of it than the new limits admit.
    public func adopt(_ options: TransportOptions) {
        let settings = ServerSettings(options, logsRequests: context.logger.logLevel <= .debug)
        let engines = ServerContext.engines(options, loops: context.loops.all.count)
        context.limits.adopt(options)
        for loop in context.loops.all {
            loop.runOrEnqueue {
                loop.settings = settings
                for (table, engine) in zip(loop.tables, engines) { table.adopt(limitsOf: engine.options) }
            }
        }
    }
}
