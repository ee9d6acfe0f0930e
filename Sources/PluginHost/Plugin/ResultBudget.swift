import Synchronization

/// Bytes that one plugin's calls have gathered and it has not been called back with: answers of clients, and what is found of sockets. Any thread.
final class ResultBudget: Sendable {
    /// For all calls of the plugin.
    let limit: Int
    private let held = Atomic<Int>(0)
    private let cuts = Atomic<UInt64>(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// Bytes that are held now.
    var bytes: Int { held.load(ordering: .relaxed) }
    /// Answers and sockets that were left out of a result, ever.
    var leftOut: UInt64 { cuts.load(ordering: .relaxed) }

    /// Takes room for a part of a result that holds so much already; counts the part as left out if there is none. A call may have half of the whole,
    /// so that another finds room beside it.
    func reserve(_ bytes: Int, besides already: Int) -> Bool {
        if already + bytes <= limit / 2 {
            if held.wrappingAdd(bytes, ordering: .relaxed).newValue <= limit { return true }
            release(bytes)
        }
        countDropped()
        return false
    }

    /// Counts what is left out for want of room.
    func countDropped() { cuts.wrappingAdd(1, ordering: .relaxed) }

    func release(_ bytes: Int) { held.wrappingSubtract(bytes, ordering: .relaxed) }
}
