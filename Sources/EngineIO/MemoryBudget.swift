import Synchronization

/// The bytes that a process may hold for its clients at a time: input that is not complete, output that waits, and the
/// requests that opened sessions. One for all loops. Any thread.
///
/// It only counts; whoever is called back (``MemoryAccount/onExceeded``) decides who is closed.
public final class MemoryBudget: Sendable {
    /// Bytes.
    public let limit: Int
    private let total = Atomic<Int>(0)

    public init(limit: Int) {
        self.limit = limit
    }

    /// What all loops hold; behind the truth by ``MemoryAccount/grain`` for each loop at most.
    public var used: Int { total.load(ordering: .relaxed) }

    public var isExceeded: Bool { used > limit }

    /// - Returns: what is used afterwards.
    func add(_ bytes: Int) -> Int {
        total.wrappingAdd(bytes, ordering: .relaxed).newValue
    }
}

/// One loop's part of a ``MemoryBudget``: a plain number, which the budget learns of when it has
/// changed by ``grain``. [loop]
public final class MemoryAccount {
    public let budget: MemoryBudget
    /// What this loop holds; bytes.
    public private(set) var held = 0
    private var published = 0
    /// So many bytes the budget may not know of.
    public let grain: Int
    /// Called when the budget is exceeded, from within ``charge(_:)``: nobody may be closed here,
    /// a list may be under way.
    public var onExceeded: () -> Void = {}

    public init(of budget: MemoryBudget) {
        self.budget = budget
        grain = min(65_536, max(1, budget.limit / 256))
    }

    /// An account without a limit.
    public convenience init() {
        self.init(of: MemoryBudget(limit: .max))
    }

    /// So many bytes more are held; fewer, if negative.
    @inline(__always)
    public func charge(_ bytes: Int) {
        held += bytes
        if abs(held - published) >= grain { publish() }
    }

    /// The budget learns what is held.
    public func publish() {
        let total = budget.add(held - published)
        published = held
        if total > budget.limit { onExceeded() }
    }
}
