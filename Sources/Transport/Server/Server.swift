import EngineIO
import Glibc
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Listens on a port, and serves Engine.IO, WebSockets and HTTP on the given loops.
public final class Server: Sendable {
    let context: ServerContext
    private let listener = Mutex<(any Channel)?>(nil)
    /// Runs ``MemoryTrimmer`` from the start to the shutdown.
    private let memoryTrimmer = Mutex<Task<Void, Never>?>(nil)

    /// - Parameters:
    ///   - loops: must have been started (``Loops/start(_:)``).
    ///   - http: answers requests outside of Engine.IO.
    public init(options: TransportOptions, loops: Loops, http: any HTTPApplication, logger: Logger) {
        context = ServerContext(options: options, loops: loops, http: http, logger: logger)
    }

    /// Listens on `host` and `port`, 0 for any free port. The process must ignore SIGPIPE: a write to a closed
    /// connection would otherwise end it.
    /// - Returns: the port.
    /// - Throws: ``ListenError``, most often because the address is in use; or the resolver's error if the name of the
    ///   host cannot be resolved.
    public func start(host: String, port: Int) async throws -> Int {
        let server = context
        for loop in server.loops.all {
            try await loop.eventLoop.submit { [self] in prepare(loop) }.get()
        }
        try await prepareSendRings()
        let bootstrap = ServerBootstrap(group: server.loops.eventLoopGroup)
            .serverChannelOption(.backlog, value: server.options.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Accepted connections inherit this option.
            .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    CloseOnExec.mark(channel)
                    try channel.pipeline.syncOperations.addHandler(AcceptWatcher(logger: server.logger))
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try Self.accept(channel, server) }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.bind(host: host, port: port).get()
        } catch let error as IOError {
            throw ListenError(code: error.errnoCode, description: "\(error)")
        }
        listener.withLock { $0 = channel }
        memoryTrimmer.withLock { $0 = Task { await MemoryTrimmer.run(server.limits) } }
        return channel.localAddress?.port ?? port
    }

    /// [loop] Creates the memory account and the session tables of this server on `loop`.
    package func prepare(_ loop: Loop) {
        loop.prepare(for: context)
    }

    /// Gives each loop a ``SendRing`` if the options want it and the system allows it, and logs which of the two it is.
    private func prepareSendRings() async throws {
        guard context.options.usesIOURing else {
            return context.logger.info("broadcasts are sent one by one: io_uring is switched off")
        }
        var refusal: SendRing.Unavailable?
        for loop in context.loops.all {
            refusal = try await loop.eventLoop.submit { [logger = context.logger] in
                do throws(SendRing.Unavailable) {
                    let ring = try SendRing()
                    ring.onBroken = { [unowned loop] failure in
                        loop.sendRing = nil
                        logger.warning(
                            "io_uring has failed on loop \(loop.index): \(failure); its broadcasts are sent one by one from now on"
                        )
                    }
                    loop.sendRing = ring
                    return nil
                } catch {
                    return error
                }
            }.get()
        }
        if let refusal {
            context.logger.info("broadcasts are sent one by one: there is no io_uring here: \(refusal)")
        } else {
            context.logger.info("broadcasts are sent through io_uring")
        }
    }

    /// [loop] Called for each accepted connection.
    private static func accept(_ channel: any Channel, _ server: ServerContext) throws {
        let loop = server.loops.loop(of: channel.eventLoop)
        loop.refreshClock()
        let address = channel.remoteAddress?.ipAddress ?? ""
        guard server.limits.admitsConnection(from: address, on: loop) else { return channel.close(promise: nil) }
        // At once, so that the count is taken back if what follows throws.
        server.limits.count(channel, from: address)
        loop.counters.connections += 1
        CloseOnExec.mark(channel)
        // Set here and not in the bootstrap, which creates a future per option.
        try channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
        try channel.syncOptions?.setOption(.recvAllocator, value: ReceiveAllocator(on: loop))
        let output = ConnectionOutput(loop: loop, channel: channel, isEncrypted: false)
        let handler = HTTPHandler(server: server, loop: loop, output: output, remoteAddress: address)
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// [loop] Serves a connection that the caller accepted. Answers are written to `descriptor`, not through the
    /// channel.
    package func serve(_ channel: any Channel, descriptor: CInt, on loop: Loop) throws {
        let output = ConnectionOutput(loop: loop, channel: channel, descriptor: descriptor)
        try channel.pipeline.syncOperations.addHandler(
            HTTPHandler(server: context, loop: loop, output: output, remoteAddress: "127.0.0.1"))
    }

    // MARK: - Stopping

    /// Accepts no new connections and no new sessions; existing ones continue.
    public func stopAccepting() async {
        context.isStopping.store(true, ordering: .relaxed)
        let channel = listener.withLock { listener in
            defer { listener = nil }
            return listener
        }
        try? await channel?.close().get()
    }

    /// Closes every session with ``CloseReason/serverShuttingDown``, sends pending output, finishes requests, and
    /// returns when all connections have ended or after `deadline`.
    public func drain(deadline: Duration) async {
        closeSessions()
        let clock = ContinuousClock()
        let end = clock.now + deadline
        while context.limits.connectionCount > 0, clock.now < end {
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Makes every loop close its sessions with ``CloseReason/serverShuttingDown`` and read no further requests.
    /// Returns before this has happened. Any thread.
    public func closeSessions() {
        for loop in context.loops.all {
            loop.runOrEnqueue {
                for table in loop.tables {
                    for session in table.all { session.close(.serverShuttingDown) }
                }
                for connection in loop.connections.values { connection.drain() }
            }
        }
    }

    /// Closes the listener and all connections that are still open.
    public func shutdown() async {
        await stopAccepting()
        memoryTrimmer.withLock { task in
            task?.cancel()
            task = nil
        }
        for loop in context.loops.all {
            try? await loop.eventLoop.submit {
                for connection in Array(loop.connections.values) { connection.abort() }
            }.get()
        }
    }

    /// The number of open connections.
    public var connectionCount: Int { context.limits.connectionCount }
}

/// Why a server cannot listen.
public struct ListenError: Error, CustomStringConvertible {
    /// The error number of the system, such as `EADDRINUSE`.
    public let code: Int32
    public let description: String
}

/// Pauses accepting when it fails, mostly because no file descriptor is left. Logs the first failure and the recovery.
///
/// NIO's own `AcceptBackoffHandler` delays the next *read*, but for NIO the failed read is still pending: the listening
/// socket stays registered and the loop spins on it. Turning autoRead off removes it from the selector.
final class AcceptWatcher: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let logger: Logger
    private var isFailing = false
    private var failures: UInt64 = 0
    private static let pause = TimeAmount.milliseconds(200)

    init(logger: Logger) {
        self.logger = logger
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isFailing {
            isFailing = false
            logger.notice("connections are accepted again", metadata: ["failures": "\(failures)"])
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failures += 1
        if !isFailing {
            isFailing = true
            logger.error(
                "connections cannot be accepted: \(error); accepting pauses and resumes automatically. Raise the limit of open files (ulimit -n) or lower maxConnections"
            )
        }
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        let channel = context.channel
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) {
            try? channel.syncOptions?.setOption(.autoRead, value: true)
        }
        context.fireErrorCaught(error)
    }
}
