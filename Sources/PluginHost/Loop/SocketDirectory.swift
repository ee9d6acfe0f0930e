import SocketIO
import Synchronization

/// The sockets of one loop, for questions from other threads. The lock is taken when a socket comes or goes and for each question, never on an
/// event's way in.
final class SocketDirectory: Sendable {
    /// By the slot in the handle, which is dense.
    private let entries = Mutex<ContiguousArray<SocketInfo?>>([])

    func add(_ info: SocketInfo) {
        entries.withLock { entries in
            let slot = info.handle.directorySlot
            while entries.count <= slot { entries.append(nil) }
            entries[slot] = info
        }
    }

    func remove(_ handle: SocketHandle) {
        entries.withLock { entries in
            let slot = handle.directorySlot
            guard slot < entries.count, entries[slot]?.handle == handle else { return }
            entries[slot] = nil
        }
    }

    func contains(_ handle: SocketHandle) -> Bool {
        entries.withLock { entries in
            let slot = handle.directorySlot
            return slot < entries.count && entries[slot]?.handle == handle
        }
    }

    subscript(handle: SocketHandle) -> SocketInfo? {
        entries.withLock { entries in
            let slot = handle.directorySlot
            guard slot < entries.count, let info = entries[slot], info.handle == handle else { return nil }
            return info
        }
    }
}

extension SocketHandle {
    /// Where ``SocketDirectory`` keeps it: the handle's slot.
    fileprivate var directorySlot: Int { Int(truncatingIfNeeded: (self >> 32) & 0xFF_FFFF) }
}
