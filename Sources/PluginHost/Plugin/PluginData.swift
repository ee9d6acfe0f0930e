import CJackfield
import Synchronization

/// A pointer that a plugin has attached to one socket. Users of the pointer hold a reference to this object; when the
/// last one is released, the plugin's function frees the pointer, on the strand.
///
/// `@unchecked Sendable`: immutable; the host only passes the pointer back.
final class PluginData: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
    /// Never dangling: plugins are never freed.
    private unowned(unsafe) let plugin: LoadedPlugin
    /// Number in ``PluginDataTable``; `nil` if the plugin gave no function to free the pointer.
    private let release: UInt64?

    init(_ pointer: UnsafeMutableRawPointer, freeing free: jf_free_fn?, of plugin: LoadedPlugin) {
        self.pointer = pointer
        self.plugin = plugin
        release = free.map { plugin.data.promise(PluginCall(function: $0, context: pointer)) }
    }

    deinit {
        if let release { plugin.freeLater(release) }
    }
}

extension LoadedPlugin {
    /// The pointer that the plugin has attached to a socket. Any thread.
    @inline(__always)
    func data(of handle: UInt64) -> PluginData? {
        guard data.isUsed else { return nil }
        return data[handle]
    }

    func setPluginData(of handle: UInt64, _ pointer: UnsafeMutableRawPointer?, _ free: jf_free_fn?) -> Int32 {
        guard let context = host.context(of: handle), context.directory.contains(handle) else { return JF_E_GONE }
        guard let pointer else {
            if data.isUsed { data.remove(handle) }
            return JF_OK
        }
        guard data(of: handle)?.pointer != pointer else { return JF_OK }
        data.set(PluginData(pointer, freeing: free, of: self), for: handle)
        // If the socket disconnected after the first check, nothing else would remove the pointer.
        if !context.directory.contains(handle) { data.remove(handle) }
        return JF_OK
    }

    /// Frees a pointer on the strand, unless it was freed when the plugin ended.
    fileprivate func freeLater(_ release: UInt64) {
        // The release is removed on the strand: if the strand has ended, ``freeEverything()`` frees the pointer.
        let task = StrandTask(run: {
            guard let call = self.data.removeRelease(release) else { return }
            call.function(self.instance, call.context)
        })
        _ = strand.enqueue(task, promised: true)
    }

    /// Frees the pointers and contexts of the plugin's sockets and timers. On the strand, when no other callback runs
    /// any more.
    func freeEverything() {
        for call in timers.close() { release(call) }
        for call in data.close() { call.function(instance, call.context) }
    }

    /// Frees, on the strand, the context of a task that will not be called.
    ///
    /// - Returns: `false` if the plugin has ended; it then still owns the context.
    @discardableResult
    func releaseLater(_ call: TaskCall) -> Bool {
        call.free == nil || strand.enqueue(StrandTask(run: { self.release(call) }), promised: true)
    }
}

/// The pointers that one plugin has attached to sockets. Any thread.
///
/// One table for each loop, so that loops do not contend for a lock. No table is searched for a plugin that never
/// attached a pointer.
final class PluginDataTable: Sendable {
    private final class LoopTable: Sendable {
        let pointers = Mutex<[UInt64: PluginData]>([:])
    }

    private struct Releases {
        var pending: [UInt64: PluginCall<jf_free_fn>] = [:]
        var last: UInt64 = 0
    }

    private let tables: [LoopTable]
    /// Free functions that have not been called: whoever removes one calls it, so each is called once.
    private let releases = Mutex(Releases())
    private let isUsedFlag = Atomic<Bool>(false)

    /// - Parameter loops: the number of loops.
    init(loops: Int) {
        tables = (0..<loops).map { _ in LoopTable() }
    }

    /// Whether a pointer was ever set.
    @inline(__always)
    var isUsed: Bool { isUsedFlag.load(ordering: .relaxed) }

    /// - Parameter handle: a socket of one of the loops.
    subscript(handle: UInt64) -> PluginData? {
        table(handle)?.pointers.withLock { $0[handle] }
    }

    func set(_ data: PluginData, for handle: UInt64) {
        isUsedFlag.store(true, ordering: .sequentiallyConsistent)
        // The old value is released outside the lock: this may be its last reference, whose `deinit` enqueues a task.
        let before = table(handle)?.pointers.withLock { $0.updateValue(data, forKey: handle) }
        _ = before
    }

    func remove(_ handle: UInt64) {
        let before = table(handle)?.pointers.withLock { $0.removeValue(forKey: handle) }
        _ = before
    }

    /// Removes all pointers, and calls no function for them: the process that they belong to has ended.
    func removeAll() {
        releases.withLock { $0.pending = [:] }
        for table in tables {
            let before = table.pointers.withLock { pointers in
                defer { pointers = [:] }
                return pointers
            }
            _ = before
        }
    }

    private func table(_ handle: UInt64) -> LoopTable? {
        let index = handle.shardIndex
        return index < tables.count ? tables[index] : nil
    }

    // MARK: Freeing

    /// Registers a free function, to be called when its pointer is released or the plugin ends.
    func promise(_ call: PluginCall<jf_free_fn>) -> UInt64 {
        releases.withLock { releases in
            releases.last += 1
            releases.pending[releases.last] = call
            return releases.last
        }
    }

    func removeRelease(_ release: UInt64) -> PluginCall<jf_free_fn>? {
        releases.withLock { $0.pending.removeValue(forKey: release) }
    }

    /// Removes and returns all free functions, oldest first.
    func close() -> [PluginCall<jf_free_fn>] {
        releases.withLock { releases in
            defer { releases.pending = [:] }
            return releases.pending.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
