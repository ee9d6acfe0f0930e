import Synchronization

/// Which strand waits for which other one, because a callback on it has made a service call and waits for the result.
/// Refuses a wait that would never end. [any-thread]
final class StrandWaits: Sendable {
    /// From a strand to the one that it waits for.
    private let waits = Mutex<[ObjectIdentifier: Strand]>([:])

    /// Notes that `strand` waits for `target`.
    ///
    /// - Returns: `false` if `target` waits for `strand`, directly or through others: nothing was noted.
    func begin(_ strand: Strand, for target: Strand) -> Bool {
        waits.withLock { waits in
            var next: Strand? = target
            // Ends, because no cycle was ever added.
            while let waiting = next {
                if waiting === strand { return false }
                next = waits[ObjectIdentifier(waiting)]
            }
            waits[ObjectIdentifier(strand)] = target
            return true
        }
    }

    func end(_ strand: Strand) {
        waits.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(strand)) }
    }
}
