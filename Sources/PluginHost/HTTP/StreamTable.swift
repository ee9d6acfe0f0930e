import CJackfield
import Synchronization
import Transport

/// A response that a plugin is still writing, and what the plugin wants to hear of it.
///
/// `@unchecked Sendable`: the watch is immutable, and its addresses are only handed back.
final class OpenStream: @unchecked Sendable {
    let handle: UInt64
    let stream: HTTPStream
    private let watch: jf_stream_callbacks?
    /// Whether a write was refused, and the plugin waits to hear that there is room.
    private let isAwaited = Atomic<Bool>(false)

    init(handle: UInt64, stream: HTTPStream, watch: jf_stream_callbacks?) {
        self.handle = handle
        self.stream = stream
        self.watch = watch
    }

    /// Whether the plugin wants to hear when there is room again.
    var wantsRoom: Bool { watch?.writable != nil }

    /// Writes a piece. Any thread.
    func write(_ piece: [UInt8]) -> HTTPStream.WriteResult {
        let result = stream.write(piece)
        guard case .full = result, wantsRoom else { return result }
        // Once more: the reader may have caught up before anybody knew that it is awaited.
        isAwaited.store(true, ordering: .sequentiallyConsistent)
        return stream.write(piece)
    }

    /// The reader has caught up. [loop]
    func drained(_ plugin: LoadedPlugin) {
        guard isAwaited.exchange(false, ordering: .sequentiallyConsistent), let writable = watch?.writable else {
            return
        }
        let task = StrandTask(run: {
            // The last call about a stream that is closed was, or will be, another.
            guard plugin.isCreated, plugin.streams[self.handle] != nil else { return }
            writable(plugin.instance, self.watch?.context, self.handle)
        })
        _ = plugin.strand.enqueue(task, promised: true)
    }

    /// Calls the plugin for the last time about this stream. For whoever took it out of the table.
    func notifyClosed(_ why: Int32, _ plugin: LoadedPlugin) {
        guard let closed = watch?.closed else { return }
        let task = StrandTask(run: {
            guard plugin.isCreated else { return }
            closed(plugin.instance, self.watch?.context, self.handle, why)
        })
        _ = plugin.strand.enqueue(task, promised: true)
    }
}

/// The responses that one plugin is still writing, by handle. Any thread.
final class StreamTable: Sendable {
    private struct State {
        var streams: [UInt64: OpenStream] = [:]
        var last: UInt64 = 0
    }

    let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    var count: Int { state.withLock { $0.streams.count } }
    var hasCapacity: Bool { count < limit }

    /// Handles are numbers counted up: a stale one never names another stream.
    func add(_ stream: HTTPStream, _ watch: jf_stream_callbacks?) -> OpenStream {
        let handle = state.withLock { state in
            state.last += 1
            return state.last
        }
        let open = OpenStream(handle: handle, stream: stream, watch: watch)
        state.withLock { $0.streams[handle] = open }
        return open
    }

    subscript(handle: UInt64) -> OpenStream? { state.withLock { $0.streams[handle] } }

    /// Takes a stream out: whoever gets it tells the plugin that it is closed.
    func remove(_ handle: UInt64) -> OpenStream? { state.withLock { $0.streams.removeValue(forKey: handle) } }

    func removeAll() -> [OpenStream] {
        state.withLock { state in
            defer { state.streams = [:] }
            return Array(state.streams.values)
        }
    }
}
