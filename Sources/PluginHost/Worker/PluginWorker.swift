import CCrashReport
import CJackfield
import Glibc
import Isolation
import Logging
import Presence
import SocketIO
import Support
import Synchronization
import Transport

/// The process that runs one isolated plugin. Its executable calls ``run(_:)`` when its arguments are
/// ``arguments(for:)``.
///
/// It has a ``Host`` without event loops and a ``LoadedPlugin``, whose strand and lanes run the plugin's callbacks.
/// What the daemon sends is in ``IncomingCallback``, what the plugin calls in ``DaemonLink``.
public enum PluginWorker {
    /// The command of the executable.
    public static let command = "plugin-worker"

    static func arguments(for name: String) -> [String] { [command, name] }

    /// The end of the line about a crash; static, as `jf_crash_install` needs it. `nonisolated(unsafe)` is safe: a
    /// string constant of the binary.
    nonisolated(unsafe) private static let consequence: UnsafePointer<CChar> = {
        let text: StaticString = "its worker process ends, and a new one is started"
        return UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
    }()

    /// Runs until the daemon ends it.
    ///
    /// - Parameter name: of the plugin, for names of threads.
    public static func run(_ name: String) throws -> Never {
        // The line about a crash goes to standard error, which the daemon logs.
        jf_crash_install(-1, Int32(JF_CRASH_TEXT), consequence)
        let channel = try WorkerProcess.adoptChannel(name: name)
        // As in the daemon: a write to a closed connection must not end the process.
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        guard case .message(let first) = channel.read(until: .max), first.kind == WorkerMessage.load.rawValue else {
            DaemonLink.endWithDaemon()
        }
        let worker = try RunningWorker(first.payload, channel)
        worker.load(first.id)
        // A plugin without lanes reads its messages on its strand. With lanes, a callback on the strand would hold up
        // theirs, so this thread reads.
        while worker.daemon.strandSource.isActive { sleep(.max) }
        while true { worker.receiveNext() }
    }
}

/// The plugin of a worker process.
///
/// `@unchecked Sendable`: `declarations` and `methods` are written on the strand, in the steps `load` and `create`,
/// before any callback is received.
final class RunningWorker: @unchecked Sendable {
    let plugin: LoadedPlugin
    let daemon: DaemonLink
    private(set) var declarations = WorkerDeclarations()
    private(set) var methods: [ProvidedMethod] = []

    /// - Parameter payload: of the message `load`.
    init(_ payload: UnsafeRawBufferPointer, _ channel: SharedChannel) throws {
        let settings = try WorkerSettings(payload)
        let daemon = DaemonLink(channel, logLevel: settings.logLevel)
        self.daemon = daemon
        let logger = Logger(label: "jackfield") { _ in DaemonLogHandler(daemon: daemon, logLevel: settings.logLevel) }
        let host = try Host(
            loops: [], options: settings.options, socketOptions: settings.socketOptions,
            authenticator: NoAuthenticator(), httpAuthenticator: NoAuthenticator(), presence: NoPresence(),
            logger: logger, watches: false)
        // Never released: the plugin refers to it without counting.
        _ = Unmanaged.passRetained(host)
        plugin = LoadedPlugin(
            settings.spec, path: settings.spec.path, generation: settings.generation, place: 0, host: host,
            daemon: daemon)
    }

    // MARK: Steps

    /// Maps the library and calls `jf_plugin_main`. Returns when that is done.
    func load(_ step: UInt64) {
        run(step, .main, waits: true) { [self] in
            var payload = WireWriter(capacity: 4_096)
            var problem: DescriptorReader.Problem?
            let opened = plugin.open { raw in
                do throws(DescriptorReader.Problem) {
                    try payload.descriptor(raw.pointee)
                    declarations = try WorkerDeclarations(raw.pointee)
                } catch {
                    problem = error
                }
            }
            switch opened {
            case .failure(let error): return .failure(error)
            case .success(let descriptor):
                if let problem { return .failure(plugin.failure(problem.kind, problem.text)) }
                plugin.adopt(descriptor)
                if !descriptor.usesLanes { daemon.strandSource.activate(self) }
                return .success(payload)
            }
        }
    }

    private func create(_ step: UInt64) {
        run(step, .create) { [self] in
            if let error = plugin.create() { return .failure(error) }
            methods = plugin.makeServices().flatMap(\.methods)
            return .success(WireWriter())
        }
    }

    private func start(_ step: UInt64) {
        run(step, .start) { [self] in
            if let error = plugin.start() { return .failure(error) }
            _ = plugin.run()
            plugin.armTimers()
            plugin.watchReadiness()
            return .success(WireWriter())
        }
    }

    private func save(_ step: UInt64) {
        run(step, .save) { [self] in
            switch plugin.save() {
            case .failure(let error): return .failure(error)
            case .success(let saved):
                var payload = WireWriter(capacity: saved.bytes.count + 64)
                payload.saved(saved)
                return .success(payload)
            }
        }
    }

    private func restore(_ step: UInt64, _ payload: UnsafeRawBufferPointer) {
        let arguments: (saved: SavedState, version: String)
        do throws(MalformedMessage) {
            var reader = WireReader(payload, WireArena())
            arguments = (try reader.saved(), try reader.text().string)
        } catch {
            fatalError("the daemon's message restore is malformed: \(error.problem)")
        }
        run(step, .restore) { [self] in
            if let error = plugin.restore(arguments.saved, from: arguments.version) { return .failure(error) }
            return .success(WireWriter())
        }
    }

    private func resumed(_ step: UInt64) {
        run(step, .resumed) { [self] in
            plugin.resumed()
            return .success(WireWriter())
        }
    }

    private func stop(_ step: UInt64) {
        run(step, .stop) { [self] in
            plugin.state = .stopping
            plugin.stop(aborting: [])
            return .success(WireWriter())
        }
    }

    private func destroy(_ step: UInt64) {
        run(step, .destroy, isLast: true) { [self] in
            plugin.destroy()
            return .success(WireWriter())
        }
    }

    /// Runs a step on the strand, and sends its answer.
    private func run(
        _ step: UInt64, _ callback: Callback, isLast: Bool = false, waits: Bool = false,
        _ body: @escaping @Sendable () -> Result<WireWriter, PluginError>
    ) {
        let done = plugin.strand.begin(callback, isLast: isLast) { [daemon] in
            var answer = WireWriter()
            switch body() {
            case .success(let payload):
                answer.flag(true)
                answer.data(payload.bytes)
            case .failure(let error):
                answer.flag(false)
                answer.integer(UInt8(PluginError.Kind.wireOrder.firstIndex(of: error.kind) ?? 5))
                answer.data(error.problem.utf8)
            }
            daemon.post(.stepDone, id: step, answer)
            return true
        }
        if waits { _ = done.wait(until: .max) }
    }

    // MARK: Messages

    /// Waits for a message of the daemon, or for ``Isolation/SharedChannel/interruptRead()``, and handles the message.
    func receiveNext() {
        switch daemon.channel.read(until: .max) {
        case .timeout: break
        case .closed, .broken: DaemonLink.endWithDaemon()
        case .message(let message):
            guard let kind = WorkerMessage(rawValue: message.kind) else {
                fatalError("the daemon sent a message of the unknown kind \(message.kind)")
            }
            received(kind, message.id, message.payload)
        }
    }

    /// Runs a callback, or passes it to the lane that it is for. On the thread that reads the channel.
    private func received(_ kind: WorkerMessage, _ id: UInt64, _ payload: UnsafeRawBufferPointer) {
        switch kind {
        case .create: create(id)
        case .start: start(id)
        case .save: save(id)
        case .restore: restore(id, payload)
        case .resumed: resumed(id)
        case .stop: stop(id)
        case .destroy: destroy(id)
        default:
            guard payload.count >= 2 else { fatalError("the daemon sent a callback without a lane") }
            let lane = Int(payload.loadUnaligned(as: UInt16.self))
            let strand = lane == 0 ? plugin.strand! : plugin.lanes[lane - 1]
            let callback = IncomingCallback(kind, id, Array(payload[2...]), for: self)
            if daemon.strandSource.isActive { return callback.run() }
            _ = strand.enqueue(StrandTask(run: { callback.run() }), promised: true)
        }
    }
}

/// The messages of the daemon, as work for the plugin's strand.
///
/// `@unchecked Sendable`: `worker` is written once, on the strand, before ``isActive`` is set, and read on the strand.
final class DaemonMessages: StrandSource, @unchecked Sendable {
    private let channel: SharedChannel
    private var worker: RunningWorker?
    private let active = Atomic<Bool>(false)

    init(_ channel: SharedChannel) {
        self.channel = channel
    }

    var isActive: Bool { active.load(ordering: .acquiring) }

    /// Has the strand read the messages. On the strand.
    func activate(_ worker: RunningWorker) {
        self.worker = worker
        active.store(true, ordering: .releasing)
    }

    func runNext() { worker?.receiveNext() }

    func interrupt() { channel.interruptRead() }
}

/// What the daemon tells a worker about its plugin: the message `load`.
struct WorkerSettings {
    var spec: PluginSpec
    var generation: Int
    var logLevel: Logger.Level
    var options = HostOptions()
    var socketOptions = SocketOptions()

    /// - Parameter folder: the working folder of the process, where private copies of the library are made.
    init(_ payload: UnsafeRawBufferPointer) throws(MalformedMessage) {
        var reader = WireReader(payload, WireArena())
        let (path, name) = (try reader.text().string, try reader.text().string)
        spec = PluginSpec(path: path, name: name, config: Array(try reader.data()))
        generation = Int(try reader.integer(UInt64.self))
        logLevel = Logger.Level(rawValue: try reader.text().string) ?? .info
        options.version = try reader.text().string
        options.socketPath = try reader.text().string
        options.queueCallbacks = Int(try reader.integer(UInt64.self))
        options.queueBytes = Int(try reader.integer(UInt64.self))
        options.lanes = Int(try reader.integer(UInt64.self))
        options.timers = Int(try reader.integer(UInt64.self))
        socketOptions.maxAttachments = Int(try reader.integer(UInt64.self))
        socketOptions.maxEventNameLength = Int(try reader.integer(UInt64.self))
        try reader.finish()
        options.emitChecks = .off
        options.imageFolders = workingFolder.map { [$0] }
    }
}

/// The working folder of this process.
private var workingFolder: String? {
    guard let path = getcwd(nil, 0) else { return nil }
    defer { free(path) }
    return String(cString: path)
}

extension LoadedPlugin {
    /// What ``WorkerSettings`` reads.
    var loadMessage: WireWriter {
        var writer = WireWriter()
        // The worker has another working folder.
        let isAbsolute = path.utf8.first == UInt8(ascii: "/")
        writer.data((isAbsolute ? path : workingFolder.map { "\($0)/\(path)" } ?? path).utf8)
        writer.data(spec.name.utf8)
        writer.data(spec.config)
        writer.integer(UInt64(generation))
        writer.data(host.logger.logLevel.rawValue.utf8)
        writer.data(host.options.version.utf8)
        writer.data(host.options.socketPath.utf8)
        writer.integer(UInt64(host.options.queueCallbacks))
        writer.integer(UInt64(host.options.queueBytes))
        writer.integer(UInt64(host.options.laneCount))
        writer.integer(UInt64(host.options.timers))
        writer.integer(UInt64(host.socketOptions.maxAttachments))
        writer.integer(UInt64(host.socketOptions.maxEventNameLength))
        return writer
    }
}

/// The callbacks that a plugin has declared, in the order of its lists.
///
/// `@unchecked Sendable`: the C functions and contexts are addresses that the host only passes back.
struct WorkerDeclarations: @unchecked Sendable {
    var events: [(handler: jf_event_fn?, context: UnsafeMutableRawPointer?)] = []
    var namespaces: [jf_nsp_decl] = []
    var routes: [(handler: jf_request_fn?, context: UnsafeMutableRawPointer?)] = []

    init() {}

    init(_ plugin: jf_plugin) throws(DescriptorReader.Problem) {
        events = try DescriptorReader.each(
            plugin.events.items, plugin.events.count, plugin.events.stride, firstSize: 88, "event"
        ) { raw, _ in (raw.handler, raw.context) }
        namespaces = try DescriptorReader.each(
            plugin.nsps.items, plugin.nsps.count, plugin.nsps.stride, firstSize: 80, "nsp"
        ) { raw, _ in raw }
        routes = try DescriptorReader.each(
            plugin.routes.items, plugin.routes.count, plugin.routes.stride, firstSize: 88, "route"
        ) { raw, _ in (raw.handler, raw.context) }
    }
}

/// Of a host without event loops: nobody connects to it.
private struct NoAuthenticator: ConnectAuthenticator, HTTPAuthenticator {
    func authenticate(_ attempt: ConnectAttempt) -> ConnectAuthResult { .refuse(message: "no clients", data: nil) }

    func authenticate(_ request: HTTPRequest, _ access: RouteAccess) -> HTTPAuthResult {
        .refuse(status: 503, code: "unavailable", detail: "no clients")
    }
}

/// Of a host without event loops: the plugin asks the daemon.
private struct NoPresence: PresenceSource {
    func isOnline(_ user: ByteString) -> Bool { false }
    func connections(of user: ByteString) -> Int { 0 }
    var onlineCount: Int { 0 }
}
