import Synchronization

/// An HTTP response that is still being written, from any thread. It is finished when the object is released.
public final class ResponseStream: Sendable {
    private let host: JackfieldHost
    private let stream: jf_stream
    private let state: State

    public enum Taken: Sendable {
        /// On its way.
        case taken
        /// The client reads too slowly; nothing was taken, try later.
        case full
        /// The client left.
        case gone
    }

    init(host: JackfieldHost, stream: jf_stream, state: State) {
        self.host = host
        self.stream = stream
        self.state = state
    }

    /// Finishing a stream twice is harmless: the host answers that it is gone.
    deinit { _ = host.http.finish?(host.pointer, stream) }

    /// A piece of the body, if the client keeps up.
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

    /// A piece of the body; waits until a slow client has made room. Returns false if the client left.
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

    /// A server-sent event; waits as the other `send` does.
    public func send(_ event: ServerSentEvent) async throws -> Bool { try await send(event.bytes) }

    /// The body is complete.
    public func finish() { _ = host.http.finish?(host.pointer, stream) }

    /// Whether the client left or the stream was finished.
    public var isClosed: Bool { state.isClosed }
}

extension ResponseStream {
    /// What the host reported about a stream: the context of its `jf_stream_callbacks`, which
    /// retains it until `closed`.
    final class State: Sendable {
        private struct Inner {
            /// Counts reports, so that one that arrives between a write and the wait for it is not missed.
            var reports = 0
            var isClosed = false
            var waiting: [CheckedContinuation<Void, Never>] = []
        }

        private let inner = Mutex(Inner())

        var reports: Int { inner.withLock { $0.reports } }
        var isClosed: Bool { inner.withLock { $0.isClosed } }

        /// Returns when there was a report after the one numbered `reports`.
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

/// An event of a `text/event-stream`, as WHATWG HTML defines it.
public struct ServerSentEvent: Sendable {
    /// What a client sends back as `Last-Event-ID` to resume.
    public var id: String?

    /// nil: `message`.
    public var name: String?
    public var data: String

    public init(id: String? = nil, name: String? = nil, data: String) {
        self.id = id
        self.name = name
        self.data = data
    }

    /// Line ends inside `id` and `name` would end the field, so they become blanks; those in
    /// `data` are kept, line by line.
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
