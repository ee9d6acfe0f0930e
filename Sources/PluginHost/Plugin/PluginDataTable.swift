import CJackfield
import Synchronization

/// The pointers that one plugin has given to sockets. Any thread.
///
/// One table for each loop, so that loops do not meet in a lock; and nothing at all is looked up for a plugin that never gave one.
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

    func removeRelease(_ release: UInt64) -> PluginCall<jf_free_fn>? { releases.withLock { $0.pending.removeValue(forKey: release) } }

    /// Takes all out, oldest first.
    func close() -> [PluginCall<jf_free_fn>] {
        releases.withLock { releases in
            defer { releases.pending = [:] }
            return releases.pending.sorted { $0.key < $1.key }.map(\.value)
        }
    }
}
