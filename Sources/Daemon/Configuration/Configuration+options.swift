import EngineIO
import Foundation
import Glibc
import PluginCheck
import PluginHost
import RawJSON
import SocketIO
import Transport

/// The settings in the form that the modules below Daemon use. None of them knows the configuration file.
extension Configuration {
    var engineOptions: EngineOptions {
        var options = EngineOptions()
        options.pingInterval = Int64(pingInterval.wholeMilliseconds)
        options.pingTimeout = Int64(pingTimeout.wholeMilliseconds)
        options.upgradeTimeout = Int64(upgradeTimeout.wholeMilliseconds)
        options.maxPayload = maxHttpBufferSize
        options.transports = Set(transports.map { $0 == .polling ? .polling : .websocket })
        options.allowUpgrades = allowUpgrades
        options.maxBufferedOutput = limits.outputBuffer
        return options
    }

    func socketOptions(recovery: RecoveryStore?) -> SocketOptions {
        var options = SocketOptions()
        options.connectTimeout = Int64(connectTimeout.wholeMilliseconds)
        options.maxRoomsPerSocket = limits.roomsPerSocket
        options.maxNamespacesPerClient = limits.namespacesPerConnection
        options.maxPendingAcks = limits.pendingAcksPerSocket
        options.recovery = recovery
        return options
    }

    /// - Parameter openFiles: how many files the process may have open.
    func transportOptions(openFiles: Int) -> TransportOptions {
        var options = TransportOptions()
        options.engine = engineOptions
        options.path = path
        options.cors = cors?.transport
        options.cookie = cookie?.transport
        options.httpCompressionThreshold = httpCompression?.threshold
        options.deflate = perMessageDeflate?.transport
        options.conformance = conformance?.transport
        options.maxHTTPBody = limits.httpBody
        options.maxConnectionsPerAddress = limits.connectionsPerAddress
        options.maxSessions = limits.sessions
        options.maxSessionsPerAddress = limits.sessionsPerAddress
        options.maxUnconnectedSessions = limits.sessionsBeforeConnect
        options.maxBeforeJoining = limits.messageBeforeConnect
        options.memory = limits.memory
        options.maxStreamBuffer = min(options.maxStreamBuffer, limits.outputBuffer)
        options.usesIOURing = ioUring
        // `headerTimeout` never exceeds `connectTimeout`: a client that sends nothing gets no more time than one that
        // joins no namespace.
        options.headerTimeout = min(options.headerTimeout, Int64(connectTimeout.wholeMilliseconds))
        let most = max(64, openFiles - OpenFiles.reserve)
        options.maxConnections = limits.connections > 0 ? min(limits.connections, most) : most
        return options
    }
}

extension Configuration.CORS {
    fileprivate var transport: CORSOptions {
        let origin: CORSOptions.Origin =
            switch self.origin {
            case .any: .any
            case .reflect: .reflect
            case .one(let origin): .one(origin)
            case .list(let origins): .list(origins)
            }
        var options = CORSOptions(origin: origin)
        options.credentials = credentials
        options.methods = methods
        options.allowedHeaders = allowedHeaders
        options.exposedHeaders = exposedHeaders
        options.maxAge = maxAge
        return options
    }
}

extension Configuration.Cookie {
    fileprivate var transport: CookieOptions {
        var options = CookieOptions()
        options.name = name
        options.path = path
        options.domain = domain
        options.maxAge = maxAge
        options.httpOnly = httpOnly
        options.secure = secure
        options.sameSite =
            switch sameSite {
            case .strict: .strict
            case .lax: .lax
            case .none: CookieOptions.SameSite.none
            }
        return options
    }
}

extension Configuration.PerMessageDeflate {
    fileprivate var transport: DeflateOptions {
        var options = DeflateOptions()
        options.threshold = threshold
        options.serverNoContextTakeover = serverNoContextTakeover
        options.clientNoContextTakeover = clientNoContextTakeover
        options.serverMaxWindowBits = serverMaxWindowBits
        options.clientMaxWindowBits = clientMaxWindowBits
        return options
    }
}

extension Configuration.Conformance {
    fileprivate var transport: ConformanceOptions {
        var options = ConformanceOptions()
        options.engineEcho = engineEcho
        options.webSocketEcho = webSocketEcho
        options.maxMessage = maxMessage
        return options
    }
}

extension Configuration {
    var hostOptions: HostOptions {
        var options = HostOptions()
        options.pluginPath = pluginPath
        options.emitChecks = contracts
        if tryBeforeReload {
            let deadline = limits.startDeadline.wholeMilliseconds
            options.trial = { PluginChecker.tryOut($0, config: $1, deadline: deadline) }
        }
        options.queueCallbacks = limits.pluginQueueCallbacks
        options.queueBytes = limits.pluginQueueBytes
        options.resultBytes = limits.pluginResultBytes
        options.queueSocketShare = limits.pluginQueueSocketShare
        options.queueUserShare = limits.pluginQueueUserShare
        options.slowCallback = limits.slowCallback.wholeMilliseconds
        options.startDeadline = limits.startDeadline.wholeMilliseconds
        options.stopDeadline = limits.shutdownDeadline.wholeMilliseconds
        options.reloadDeadline = limits.reloadDeadline.wholeMilliseconds
        options.decisionDeadline = connectTimeout.wholeMilliseconds
        options.socketPath = path
        options.version = JackfieldDaemon.version
        options.workerFolder = workerFolder
        return options
    }

    var recoveryOptions: RecoveryOptions? {
        guard let recovery = connectionStateRecovery else { return nil }
        var options = RecoveryOptions()
        options.maxDisconnectionDuration = Int64(recovery.maxDisconnectionDuration.wholeMilliseconds)
        options.skipMiddlewares = recovery.skipMiddlewares
        // A dead connection is noticed after pingInterval + pingTimeout. Events sent to it until then must still be
        // kept.
        options.maxTimeInFlight = max(
            options.maxTimeInFlight, Int64((pingInterval + pingTimeout).wholeMilliseconds) + 15_000)
        options.maxSessions = limits.recoverySessions
        options.maxSessionBytes = limits.recoverySessionBytes
        options.maxPackets = limits.recoveryEvents
        options.maxPacketBytes = limits.recoveryEventBytes
        // The missed events of a recovered session must fit into its output buffer, or it is closed as a slow reader.
        options.maxMissedBytesPerSession = min(options.maxMissedBytesPerSession, limits.outputBuffer / 2)
        return options
    }

    /// Number of event loops; by default one for each core.
    var loopCount: Int {
        eventLoops > 0 ? eventLoops : min(64, ProcessInfo.processInfo.activeProcessorCount)
    }
}

extension Configuration {
    /// What the plugin host loads, in this order: the plugins, then the bound libraries.
    var specs: [PluginSpec] { plugins.map { $0.spec(databaseURL: databaseURL) } + bind.map(\.spec) }

    /// The key of the entry that became ``specs`` at `index`.
    func key(ofSpec index: Int) -> String {
        index < plugins.count ? "plugins[\(index)]" : "bind[\(index - plugins.count)]"
    }
}

extension Configuration.BoundLibrary {
    fileprivate var spec: PluginSpec {
        PluginSpec(
            path: library, name: name, kind: .library(LibraryBinding(functions: functions, service: service)))
    }
}

extension Configuration.Plugin {
    /// What the plugin host loads. `DATABASE_URL` is the `store` of a plugin whose own configuration names none.
    func spec(databaseURL: String?) -> PluginSpec {
        var spec = PluginSpec(
            path: path, name: name ?? "", config: Self.config(config, databaseURL: databaseURL), required: required)
        spec.isolation = isolation
        spec.worker = worker
        return spec
    }

    private static func config(_ config: [UInt8], databaseURL: String?) -> [UInt8] {
        guard let databaseURL, let value = try? JSONValue(parsing: config) else { return config }
        switch value {
        case .null: return JSONValue.object([.init("store", .string(databaseURL))]).serialized
        case .object(let members) where value["store"] == nil:
            return JSONValue.object(members + [.init("store", .string(databaseURL))]).serialized
        default: return config
        }
    }
}

/// The limit on open files of this process, which bounds the number of connections.
enum OpenFiles {
    /// Files kept free for everything but connections: loops, logs, plugins and their databases.
    static let reserve = 256

    /// Raises the limit to the maximum that the process may set, and returns it.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return 1_024 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero: the unit of Socket.IO's options and of its handshake.
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
