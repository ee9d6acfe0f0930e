import Foundation
import PluginHost
import RawJSON
import SocketIO

extension Configuration {
    var hostOptions: HostOptions {
        var options = HostOptions()
        options.pluginPath = pluginPath
        options.queueCallbacks = limits.pluginQueueCallbacks
        options.queueBytes = limits.pluginQueueBytes
        options.resultBytes = limits.pluginResultBytes
        options.queueSocketShare = limits.pluginQueueSocketShare
        options.queueUserShare = limits.pluginQueueUserShare
        options.startDeadline = limits.startDeadline.wholeMilliseconds
        options.stopDeadline = limits.shutdownDeadline.wholeMilliseconds
        options.decisionDeadline = connectTimeout.wholeMilliseconds
        options.socketPath = path
        options.version = JackfieldDaemon.version
        return options
    }

    var recoveryOptions: RecoveryOptions? {
        guard let recovery = connectionStateRecovery else { return nil }
        var options = RecoveryOptions()
        options.maxDisconnectionDuration = Int64(recovery.maxDisconnectionDuration.wholeMilliseconds)
        options.skipMiddlewares = recovery.skipMiddlewares
        // A dead connection is noticed within a heartbeat; what was sent to it meanwhile must still be there.
        options.maxTimeInFlight = max(options.maxTimeInFlight, Int64((pingInterval + pingTimeout).wholeMilliseconds) + 15_000)
        options.maxSessions = limits.recoverySessions
        options.maxSessionBytes = limits.recoverySessionBytes
        options.maxPackets = limits.recoveryEvents
        options.maxPacketBytes = limits.recoveryEventBytes
        // What is sent to a session that returns must not be what ends it for a reader that lags.
        options.maxMissedBytesPerSession = min(options.maxMissedBytesPerSession, limits.outputBuffer / 2)
        return options
    }

    /// Loops to run; one for each core by default.
    var loopCount: Int {
        eventLoops > 0 ? eventLoops : min(64, ProcessInfo.processInfo.activeProcessorCount)
    }
}

extension Configuration.Plugin {
    /// What the plugin host loads. `DATABASE_URL` is the `store` of a plugin whose own configuration names none.
    func spec(databaseURL: String?) -> PluginSpec {
        PluginSpec(path: path, name: name ?? "", config: Self.config(config, databaseURL: databaseURL), required: required)
    }

    private static func config(_ config: [UInt8], databaseURL: String?) -> [UInt8] {
        guard let databaseURL, let value = try? JSONValue(parsing: config) else { return config }
        switch value {
        case .null: return JSONValue.object([.init("store", .string(databaseURL))]).serialized
        case .object(let members) where value["store"] == nil: return JSONValue.object(members + [.init("store", .string(databaseURL))]).serialized
        default: return config
        }
    }
}
