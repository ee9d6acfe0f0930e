import CJackfield
import Glibc
import Isolation
import Logging
import Support
import Synchronization

/// The worker's end of the channel to the daemon: calls of the functions of the header, and the callbacks of the plugin
/// that they will cause. [any-thread]
///
/// Addresses of the plugin never leave the process: the daemon gets numbers instead.
final class DaemonLink: Sendable {
    let channel: SharedChannel
    /// Lines below this level are not sent.
    let logLevel: Logger.Level
    let callbacks = Mutex(CallbackNumbers())
    /// What each binding needs, by its handle, for function pointers.
    let needs = Mutex<[jf_binding: ServiceNeed]>([:])
    /// The pointers that the plugin has attached, by socket: their numbers among the callbacks. A callback that was
    /// sent before the plugin attached the pointer gets it, too.
    let attached = Mutex<[jf_socket: UInt64]>([:])
    /// The last readiness that the daemon was told; the outer `nil`: none yet.
    private let readiness = Mutex<String??>(nil)

    struct CallbackNumbers {
        var entries: [UInt64: WorkerCallback] = [:]
        var last: UInt64 = 0
    }

    /// Reads the channel on the plugin's strand.
    let strandSource: DaemonMessages

    init(_ channel: SharedChannel, logLevel: Logger.Level) {
        self.channel = channel
        self.logLevel = logLevel
        strandSource = DaemonMessages(channel)
    }

    // MARK: Messages

    /// Sends a message; waits while the ring is full.
    func post(_ kind: WorkerMessage, id: UInt64 = 0, _ payload: WireWriter) {
        let result = payload.bytes.withUnsafeBytes { channel.write(kind: kind.rawValue, id: id, $0, until: .max) }
        if case .written = result { return }
        Self.endWithDaemon()
    }

    /// Calls a function of the host and waits for its result.
    ///
    /// - Parameter read: reads what the function stored, and returns the result code.
    func call(
        _ kind: WorkerMessage, _ payload: WireWriter,
        _ read: (Int32, inout WireReader) throws(MalformedMessage) -> Int32
    ) -> Int32 {
        var long: (code: Int32, bytes: [UInt8], number: UInt32)?
        let result = payload.bytes.withUnsafeBytes { bytes in
            channel.call(kind: kind.rawValue, count: bytes.count, until: .max, fill: { $0.copyMemory(from: bytes) }) {
                code, reply -> Int32 in
                guard reply.count >= LongReplies.headBytes else { return Self.read(kind, code, reply, read) }
                let number = reply.loadUnaligned(as: UInt32.self)
                let rest = UnsafeRawBufferPointer(rebasing: reply[LongReplies.headBytes...])
                guard number == 0 else {
                    long = (code, Array(rest), number)
                    return code
                }
                return Self.read(kind, code, rest, read)
            }
        }
        guard case .replied(let code) = result else { Self.endWithDaemon() }
        guard var long else { return code }
        while let more = rest(of: long.number) { long.bytes += more }
        return long.bytes.withUnsafeBytes { Self.read(kind, long.code, $0, read) }
    }

    /// The next piece of a reply that did not fit into one; `nil` after the last one.
    private func rest(of number: UInt32) -> [UInt8]? {
        var payload = WireWriter(capacity: 4)
        payload.integer(number)
        let result = payload.bytes.withUnsafeBytes { bytes in
            channel.call(
                kind: WorkerMessage.replyRest.rawValue, count: bytes.count, until: .max,
                fill: { $0.copyMemory(from: bytes) }
            ) { _, reply in Array(reply) }
        }
        guard case .replied(let piece) = result else { Self.endWithDaemon() }
        return piece.isEmpty ? nil : piece
    }

    private static func read(
        _ kind: WorkerMessage, _ code: Int32, _ reply: UnsafeRawBufferPointer,
        _ read: (Int32, inout WireReader) throws(MalformedMessage) -> Int32
    ) -> Int32 {
        var reader = WireReader(reply, WireArena())
        do throws(MalformedMessage) {
            return try read(code, &reader)
        } catch {
            // The daemon runs the same executable, so this is a bug of one of the two sides.
            fatalError("the daemon's reply to call \(kind) is malformed: \(error.problem)")
        }
    }

    func call(_ kind: WorkerMessage, _ payload: WireWriter) -> Int32 {
        call(kind, payload) { code, _ in code }
    }

    /// Ends the process: without the daemon nobody needs it. Runs no exit handlers, because threads of the plugin may
    /// use what those destroy.
    static func endWithDaemon() -> Never { _exit(0) }

    // MARK: Callbacks

    /// A number for a callback, which the daemon sends back.
    func register(_ callback: WorkerCallback) -> UInt64 {
        callbacks.withLock { callbacks in
            callbacks.last += 1
            callbacks.entries[callbacks.last] = callback
            return callbacks.last
        }
    }

    func callback(_ number: UInt64) -> WorkerCallback? { callbacks.withLock { $0.entries[number] } }

    @discardableResult
    func remove(_ number: UInt64) -> WorkerCallback? { callbacks.withLock { $0.entries.removeValue(forKey: number) } }

    /// Makes a call that causes a callback, unless it fails.
    func call(
        _ kind: WorkerMessage, causing callback: WorkerCallback?,
        _ write: (inout WireWriter, UInt64) throws(HostCallError) -> Void
    )
        throws(HostCallError) -> Int32
    {
        let number = callback.map { register($0) } ?? 0
        var writer = WireWriter()
        do throws(HostCallError) {
            try write(&writer, number)
        } catch {
            remove(number)
            throw error
        }
        let code = call(kind, writer)
        if code != JF_OK { remove(number) }
        return code
    }

    // MARK: Reports

    /// - Parameter line: not longer than the daemon will show.
    func log(_ level: UInt32, _ line: jf_text) {
        var writer = WireWriter(capacity: Int(line.len) + 16)
        writer.integer(level)
        writer.text(line)
        post(.log, writer)
    }

    /// Tells the daemon why the plugin cannot work; `nil`: it can.
    func report(readiness text: String?) {
        let isNew = readiness.withLock { last in
            guard last != .some(text) else { return false }
            last = .some(text)
            return true
        }
        guard isNew else { return }
        var writer = WireWriter()
        writer.data((text ?? "").utf8)
        post(.readiness, writer)
    }
}

/// A callback of the plugin that the daemon will cause.
///
/// `@unchecked Sendable`: addresses that the host only passes back.
enum WorkerCallback: @unchecked Sendable {
    case answer(PluginCall<jf_answer_fn>)
    case answers(PluginCall<jf_answers_fn>)
    case fetched(PluginCall<jf_fetched_fn>)
    case stream(jf_stream_callbacks)
    case changed(PluginCall<jf_binding_fn>)
    case result(PluginCall<jf_result_fn>)
    /// The pointer that the plugin attached to a socket, and the function that frees it.
    ///
    /// - `socket` is 0 for a pointer that was attached when the socket was admitted.
    case data(PluginCall<jf_free_fn?>, socket: jf_socket = 0, isReplaced: Bool)
}

/// Sends the host's log lines about the plugin to the daemon, which writes them.
struct DaemonLogHandler: LogHandler {
    let daemon: DaemonLink
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let level =
            switch event.level {
            case .trace, .debug: JF_LOG_DEBUG
            case .info, .notice: JF_LOG_INFO
            case .warning: JF_LOG_WARNING
            case .error, .critical: JF_LOG_ERROR
            }
        let text = TextPack([.text("\(event.message)".cut(to: PluginLog.longestLine))])
        daemon.log(level, text[0])
    }
}
