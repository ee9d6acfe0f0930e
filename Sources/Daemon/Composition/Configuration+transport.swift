import EngineIO
import SocketIO
import Transport

/// The settings as the rooms below the Daemon want them: none of those knows the configuration file.
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
        // Who does not speak at all has no more time than who joins no namespace.
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
