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
    func add(_ stream: HTTPStream, _ watch: jf_stream_callbacks?, of plugin: LoadedPlugin) -> OpenStream {
        let handle = state.withLock { state in
            state.last += 1
            return state.last
        }
        let open = OpenStream(handle: handle, stream: stream, watch: watch, plugin: plugin)
        state.withLock { $0.streams[handle] = open }
        return open
    }

    /// Removes streams, for the table of another version of the plugin.
    func lend(_ handles: [UInt64]) -> (streams: [OpenStream], last: UInt64) {
        state.withLock { state in (handles.compactMap { state.streams.removeValue(forKey: $0) }, state.last) }
    }

    /// Adds streams of another version under the same handles; they are those of `plugin` from now on.
    ///
    /// - Parameter last: the largest handle that the other version has used.
    func adopt(_ streams: [OpenStream], last: UInt64, by plugin: LoadedPlugin) {
        state.withLock { state in
            state.last = max(state.last, last)
            for open in streams { state.streams[open.handle] = open }
        }
        for open in streams {
            open.move(to: plugin)
            // If its reader has gone meanwhile, it was in neither table.
            if open.isGone { _ = remove(open.handle) }
        }
    }

    subscript(handle: UInt64) -> OpenStream? { state.withLock { $0.streams[handle] } }

    /// Removes a stream. The caller that gets it must call ``OpenStream/notifyClosed(_:)``.
    func remove(_ handle: UInt64) -> OpenStream? { state.withLock { $0.streams.removeValue(forKey: handle) } }

    /// The handles of all streams.
    var handles: [UInt64] { state.withLock { Array($0.streams.keys) } }

    func removeAll() -> [OpenStream] {
        state.withLock { state in
            defer { state.streams = [:] }
            return Array(state.streams.values)
        }
    }
}

/// A response that a plugin is still writing, with the plugin's callbacks about it.
final class OpenStream: Sendable {
    /// Callbacks that belong to one version of the plugin.
    ///
    /// `@unchecked Sendable`: immutable, and the host only passes the addresses in `watch` back.
    private struct Owner: @unchecked Sendable {
        let plugin: LoadedPlugin
        let watch: jf_stream_callbacks?
    }

    let handle: UInt64
    let stream: HTTPStream
    private let owner: Mutex<Owner>
    /// Whether a write was refused and the plugin waits for `writable`.
    private let isAwaited = Atomic<Bool>(false)
    /// Whether the reader has gone.
    private let hasNoReader = Atomic<Bool>(false)

    init(handle: UInt64, stream: HTTPStream, watch: jf_stream_callbacks?, plugin: LoadedPlugin) {
        self.handle = handle
        self.stream = stream
        owner = Mutex(Owner(plugin: plugin, watch: watch))
    }

    /// Replaces the callbacks.
    func watch(_ callbacks: jf_stream_callbacks?) {
        let watch = Owner(plugin: owner.withLock { $0.plugin }, watch: callbacks)
        owner.withLock { $0 = watch }
    }

    /// Makes it a stream of another version of the plugin, without callbacks.
    func move(to plugin: LoadedPlugin) {
        owner.withLock { $0 = Owner(plugin: plugin, watch: nil) }
    }

    var isGone: Bool { hasNoReader.load(ordering: .sequentiallyConsistent) }

    /// Writes a piece. Any thread.
    func write(_ piece: [UInt8]) -> HTTPStream.WriteResult {
        let result = stream.write(piece)
        guard case .full = result, owner.withLock({ $0.watch?.writable != nil }) else { return result }
        // Tries again: if the reader drained before `isAwaited` was set, no call of ``drained()`` follows.
        isAwaited.store(true, ordering: .sequentiallyConsistent)
        return stream.write(piece)
    }

    /// Calls `writable` if a write was refused before. Called when the reader has caught up. [loop]
    func drained() {
        guard isAwaited.exchange(false, ordering: .sequentiallyConsistent) else { return }
        let owner = owner.withLock { $0 }
        guard let writable = owner.watch?.writable else { return }
        let task = StrandTask(run: {
            // Not for a closed stream: `closed` must be the last call about it.
            guard owner.plugin.isCreated, owner.plugin.streams[self.handle] != nil else { return }
            writable(owner.plugin.instance, owner.watch?.context, self.handle)
        })
        _ = owner.plugin.strand.enqueue(task, promised: true)
    }

    /// Removes the stream, because its reader has gone: a plugin that forgets it does not leak memory. [loop]
    func readerGone() {
        hasNoReader.store(true, ordering: .sequentiallyConsistent)
        owner.withLock { $0 }.plugin.streams.remove(handle)?.notifyClosed(JF_E_GONE)
    }

    /// Calls `closed`, the last call about this stream. Only the caller that removed it from the table may call this.
    func notifyClosed(_ why: Int32) {
        let owner = owner.withLock { $0 }
        guard let closed = owner.watch?.closed else { return }
        let task = StrandTask(run: {
            guard owner.plugin.isCreated else { return }
            closed(owner.plugin.instance, owner.watch?.context, self.handle, why)
        })
        _ = owner.plugin.strand.enqueue(task, promised: true)
    }
}
