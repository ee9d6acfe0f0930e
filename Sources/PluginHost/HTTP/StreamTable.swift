import CJackfield
import Synchronization
import Transport

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

    /// Adds a stream. Handles count up, so a stale handle never names another stream.
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

    /// Removes a stream. The caller that gets it must call ``OpenStream/notifyClosed(_:_:)``.
    func remove(_ handle: UInt64) -> OpenStream? { state.withLock { $0.streams.removeValue(forKey: handle) } }

    func removeAll() -> [OpenStream] {
        state.withLock { state in
            defer { state.streams = [:] }
            return Array(state.streams.values)
        }
    }
}

/// A response that a plugin is still writing, with the plugin's callbacks about it.
///
/// `@unchecked Sendable`: `watch` is immutable, and the host only passes its addresses back.
final class OpenStream: @unchecked Sendable {
    let handle: UInt64
    let stream: HTTPStream
    private let watch: jf_stream_callbacks?
    /// Whether a write was refused and the plugin waits for `writable`.
    private let isAwaited = Atomic<Bool>(false)

    init(handle: UInt64, stream: HTTPStream, watch: jf_stream_callbacks?) {
        self.handle = handle
        self.stream = stream
        self.watch = watch
    }

    /// Whether the plugin has a `writable` callback.
    var wantsWritable: Bool { watch?.writable != nil }

    /// Writes a piece. Any thread.
    func write(_ piece: [UInt8]) -> HTTPStream.WriteResult {
        let result = stream.write(piece)
        guard case .full = result, wantsWritable else { return result }
        // Tries again: if the reader drained before `isAwaited` was set, no call of ``drained(_:)`` follows.
        isAwaited.store(true, ordering: .sequentiallyConsistent)
        return stream.write(piece)
    }

    /// Calls `writable` if a write was refused before. Called when the reader has caught up. [loop]
    func drained(_ plugin: LoadedPlugin) {
        guard isAwaited.exchange(false, ordering: .sequentiallyConsistent), let writable = watch?.writable else {
            return
        }
        let task = StrandTask(run: {
            // Not for a closed stream: `closed` must be the last call about it.
            guard plugin.isCreated, plugin.streams[self.handle] != nil else { return }
            writable(plugin.instance, self.watch?.context, self.handle)
        })
        _ = plugin.strand.enqueue(task, promised: true)
    }

    /// Calls `closed`, the last call about this stream. Only the caller that removed it from the table may call this.
    func notifyClosed(_ why: Int32, _ plugin: LoadedPlugin) {
        guard let closed = watch?.closed else { return }
        let task = StrandTask(run: {
            guard plugin.isCreated else { return }
            closed(plugin.instance, self.watch?.context, self.handle, why)
        })
        _ = plugin.strand.enqueue(task, promised: true)
    }
}
