import Synchronization

/// How many of something each address has, none more than a limit. Any thread; the lock is held for one look-up.
final class AddressCount: Sendable {
    private let limit: Int
    private let counts = Mutex<[NetworkAddress: Int]>([:])

    /// nil for a limit of 0: nothing is counted.
    init?(limit: Int) {
        guard limit > 0 else { return nil }
        self.limit = limit
    }

    /// One more, whatever the limit.
    func add(_ address: NetworkAddress) {
        counts.withLock { $0[address, default: 0] += 1 }
    }

    /// One more, unless `address` has as many as it may.
    func addIfRoom(_ address: NetworkAddress) -> Bool {
        counts.withLock { counts in
            let count = counts[address, default: 0]
            guard count < limit else { return false }
            counts[address] = count + 1
            return true
        }
    }

    /// One less.
    func remove(_ address: NetworkAddress) {
        counts.withLock { counts in
            guard let count = counts[address] else { return }
            counts[address] = count > 1 ? count - 1 : nil
        }
    }
}
