import Synchronization

/// An HTTP response whose body is sent in pieces, from any thread. Releasing the object ends the body.
public final class ResponseStream: Sendable {
    private let host: JackfieldHost
    private let stream: jf_stream
    private let state: State

    public enum Taken: Sendable {
        /// Queued.
        case taken
        /// `limits.outputBuffer` bytes wait for the client to read them; nothing was written, try later.
        case full
        /// The client disconnected, or the stream was finished.
        case gone
    }

    init(host: JackfieldHost, stream: jf_stream, state: State) {
        self.host = host
        self.stream = stream
        self.state = state
    }

    /// Finishing a stream twice has no effect: the host returns JF_E_GONE.
    deinit { _ = host.http.finish?(host.pointer, stream) }

    /// Sends a piece of the body, at most 1 MiB, or reports that the client reads too slowly. Never blocks.
    public func write(_ piece: [UInt8]) throws(HostError) -> Taken {
        let code = piece.withUnsafeBytes { host.http.write?(host.pointer, stream, jf_bytes($0)) }
        switch code {
        case JF_E_LIMIT: return .full
        case JF_E_GONE: return .gone
        default:
            try host.check(code, "http.write")
            return .taken
        }
    }

    /// Sends a piece of the body, at most 1 MiB; waits while the client reads too slowly. Returns false if the client
    /// disconnected.
    public func send(_ piece: [UInt8]) async throws -> Bool {
        while true {
            let seen = state.reports
            switch try write(piece) {
            case .taken: return true
            case .gone: return false
            case .full: await state.change(after: seen)
            }
        }
    }

    /// Sends a server-sent event; waits while the client reads too slowly. Returns false if the client disconnected.
    public func send(_ event: ServerSentEvent) async throws -> Bool { try await send(event.bytes) }

    /// Ends the body.
    public func finish() { _ = host.http.finish?(host.pointer, stream) }

    /// Whether the client disconnected or the stream was finished.
    public var isClosed: Bool { state.isClosed }
}

extension ResponseStream {
    /// The state of a stream: the context of its `jf_stream_callbacks`, retained until `closed`. The host reports on
    /// the strand; `send` waits on any thread.
    final class State: Sendable {
        private struct Inner {
            /// Counts the callbacks, so that `change(after:)` does not miss one that comes between a write and the
            /// wait.
            var reports = 0
            var isClosed = false
            var waiting: [CheckedContinuation<Void, Never>] = []
        }

        private let inner = Mutex(Inner())

        var reports: Int { inner.withLock { $0.reports } }
        var isClosed: Bool { inner.withLock { $0.isClosed } }

        /// Returns when a callback has come after the one numbered `reports`.
        func change(after reports: Int) async {
            await withCheckedContinuation { continuation in
                let isOver = inner.withLock { inner in
                    if inner.reports != reports || inner.isClosed { return true }
                    inner.waiting.append(continuation)
                    return false
                }
                if isOver { continuation.resume() }
            }
        }

        private func report(closed: Bool) {
            let waiting = inner.withLock { inner in
                inner.reports += 1
                if closed { inner.isClosed = true }
                defer { inner.waiting = [] }
                return inner.waiting
            }
            for continuation in waiting { continuation.resume() }
        }

        static let writable: @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, jf_stream) -> Void = {
            _, context, _ in
            context.map { Unmanaged<State>.fromOpaque($0).takeUnretainedValue().report(closed: false) }
        }

        static let closed:
            @convention(c) (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, jf_stream, Int32) -> Void = {
                _, context, _, _ in
                context.map { Unmanaged<State>.fromOpaque($0).takeRetainedValue().report(closed: true) }
            }
    }
}

/// An event of a `text/event-stream` (WHATWG HTML, section 9.2).
public struct ServerSentEvent: Sendable {
    /// The id that a client sends as `Last-Event-ID` when it reconnects.
    public var id: String?

    /// nil: `message`.
    public var name: String?
    public var data: String

    public init(id: String? = nil, name: String? = nil, data: String) {
        self.id = id
        self.name = name
        self.data = data
    }

    /// Line ends in `id` and `name` would end the field, so they become blanks. Each line of `data` becomes a `data`
    /// field.
    var bytes: [UInt8] {
        func oneLine(_ text: String) -> String {
            String(text.map { $0.isNewline || $0 == "\0" ? " " : $0 })
        }
        var text = ""
        if let id { text += "id: \(oneLine(id))\n" }
        if let name { text += "event: \(oneLine(name))\n" }
        for line in data.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            text += "data: \(line)\n"
        }
        return Array((text + "\n").utf8)
    }
}
