import EngineIO

/// What happens when clients hold more than ``TransportOptions/memory``.
extension Loop {
    /// Who holds less than this is not closed for it: it would free next to nothing; bytes.
    private static let worthwhile = 1_024
    /// Readers that nobody is slower than are closed only if so much waits for them; bytes.
    private static let slowReader = 65_536

    /// [loop] Closes unauthenticated clients, the youngest first, until an eighth of the budget is free, so that it is not done again for each of the next bytes. Whoever
    /// was let in stays.
    func closeUnauthenticated() {
        needsRelief = false
        let budget = account.budget
        guard budget.isExceeded else { return }
        let goal = budget.limit / 8 * 7
        let unauthenticated = connections.values.filter { $0.isUnauthenticated && $0.heldBytes >= Self.worthwhile }.sorted { $0.serial > $1.serial }
        for connection in unauthenticated where budget.used > goal {
            counters.closedUnauthenticated += 1
            connection.abort()
            account.publish()
        }
        for table in tables {
            while budget.used > goal, table.displaceNewest() != nil { account.publish() }
        }
    }

    /// [loop] The unauthenticated clients are closed, those of the other loops too, and it was not enough: whoever is slowest to read what waits for him goes, and comes
    /// back.
    func closeSlowReaders() {
        let budget = account.budget
        guard budget.isExceeded else { return }
        for reader in connections.values.filter({ $0.waitingBytes >= Self.slowReader }).sorted(by: { $0.waitingBytes > $1.waitingBytes })
        where budget.isExceeded {
            counters.closedSlowReaders += 1
            reader.abort()
            account.publish()
        }
        for table in tables where budget.isExceeded {
            for session in table.all.filter({ $0.waitingBytes >= Self.slowReader }).sorted(by: { $0.waitingBytes > $1.waitingBytes }) where budget.isExceeded {
                counters.closedSlowReaders += 1
                session.abort(.transportError)
                account.publish()
            }
        }
    }
}
