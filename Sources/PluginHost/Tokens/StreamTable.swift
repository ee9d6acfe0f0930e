import Synchronization
import Transport

/// The responses that one plugin is still writing, by handle. Any thread.
final class StreamTable: Sendable {
    private struct State {
        var streams: [UInt64: HTTPStream] = [:]
        var last: UInt64 = 0
    }

    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { state.withLock { $0.streams.count } }
    var hasRoom: Bool { count < limit }

    /// Handles are numbers counted up: a stale one never names another stream.
    func add(_ stream: HTTPStream) -> UInt64 {
        state.withLock { state in
            state.last += 1
            state.streams[state.last] = stream
            return state.last
        }
    }

    subscript(handle: UInt64) -> HTTPStream? { state.withLock { $0.streams[handle] } }

    @discardableResult
    func remove(_ handle: UInt64) -> HTTPStream? { state.withLock { $0.streams.removeValue(forKey: handle) } }

    func removeAll() -> [HTTPStream] {
        state.withLock { state in
            defer { state.streams = [:] }
            return Array(state.streams.values)
        }
    }
}
