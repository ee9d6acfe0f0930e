/// An HTTP response that is still being written, from any thread. It ends when it goes away.
public final class ResponseStream: Sendable {
    private let host: PluginHost
    private let stream: jf_stream

    public enum Taken: Sendable {
        /// On its way.
        case taken
        /// The client reads too slowly; nothing was taken, try later.
        case full
        /// The client left.
        case gone
    }

    init(host: PluginHost, stream: jf_stream) {
        self.host = host
        self.stream = stream
    }

    /// Ending a stream that has ended is harmless: the host says that it is gone.
    deinit { _ = host.http.end?(host.pointer, stream) }

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

    /// A piece of the body; waits, in steps of 20 ms, until a slow client has made room. Returns false if the client left.
    public func send(_ piece: [UInt8]) async throws -> Bool {
        while true {
            switch try write(piece) {
            case .taken: return true
            case .gone: return false
            case .full: try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    /// A server-sent event; waits as the other `send` does.
    public func send(_ event: ServerSentEvent) async throws -> Bool { try await send(event.bytes) }

    /// The body is complete.
    public func end() { _ = host.http.end?(host.pointer, stream) }
}
