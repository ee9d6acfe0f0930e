import CJackfield
import Synchronization

/// A pointer that a plugin has given to one socket. Whoever uses it holds this: the plugin's function frees the
/// pointer, on the strand, when nobody does any more.
///
/// `@unchecked Sendable`: immutable; the pointer is only handed back.
final class PluginData: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer
    /// Plugins live for ever.
    private unowned(unsafe) let plugin: LoadedPlugin
    /// In ``PluginDataTable``; `nil`: nothing is to be called.
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
    /// The plugin's pointer for a socket. Any thread.
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
        // A socket that left meanwhile was forgotten before, or will not be.
        if !context.directory.contains(handle) { data.remove(handle) }
        return JF_OK
    }

    /// Has a pointer freed on the strand, unless that was done when the plugin stopped.
    fileprivate func freeLater(_ release: UInt64) {
        // Taken out on the strand: if that has ended, the pointer is freed with everything else.
        let task = StrandTask(run: {
            guard let call = self.data.removeRelease(release) else { return }
            call.function(self.instance, call.context)
        })
        _ = strand.enqueue(task, promised: true)
    }

    /// Frees what the plugin has given to sockets and timers. On the strand, when no other callback runs any more.
    func freeEverything() {
        for call in timers.close() { release(call) }
        for call in data.close() { call.function(instance, call.context) }
    }

    /// Frees the context of a task that will not be called.
    ///
    /// - Returns: `false` if the plugin has ended, and the context stays its own.
    @discardableResult
    func releaseLater(_ call: TaskCall) -> Bool {
        call.free == nil || strand.enqueue(StrandTask(run: { self.release(call) }), promised: true)
    }
}

/// The pointers that one plugin has given to sockets. Any thread.
///
/// One table for each loop, so that loops do not meet in a lock; and nothing at all is looked up for a
/// plugin that never gave one.
final class PluginDataTable: Sendable {
    private final class LoopTable: Sendable {
        let pointers = Mutex<[UInt64: PluginData]>([:])
    }

    private struct Releases {
        var pending: [UInt64: PluginCall<jf_free_fn>] = [:]
        var last: UInt64 = 0
    }

    private let tables: [LoopTable]
    /// Functions that are still to be called, each once: whoever takes one out calls it.
    private let releases = Mutex(Releases())
    private let isUsedFlag = Atomic<Bool>(false)

    /// - Parameter loops: how many there are.
    init(loops: Int) {
        tables = (0..<loops).map { _ in LoopTable() }
    }

    /// Whether there was ever a pointer.
    @inline(__always)
    var isUsed: Bool { isUsedFlag.load(ordering: .relaxed) }

    /// - Parameter handle: of a socket of one of the loops.
    subscript(handle: UInt64) -> PluginData? {
        table(handle)?.pointers.withLock { $0[handle] }
    }

    func set(_ data: PluginData, for handle: UInt64) {
        isUsedFlag.store(true, ordering: .sequentiallyConsistent)
        // What was there is released outside the lock: it may be the last to hold it.
        let before = table(handle)?.pointers.withLock { $0.updateValue(data, forKey: handle) }
        _ = before
    }

    func remove(_ handle: UInt64) {
        let before = table(handle)?.pointers.withLock { $0.removeValue(forKey: handle) }
        _ = before
    }

    private func table(_ handle: UInt64) -> LoopTable? {
        let index = handle.shardIndex
        return index < tables.count ? tables[index] : nil
    }

    // MARK: Freeing

    /// Promises that a pointer will be freed.
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

    /// Takes all out, oldest first.
    func close() -> [PluginCall<jf_free_fn>] {
        releases.withLock { releases in
            defer { releases.pending = [:] }
            return releases.pending.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
