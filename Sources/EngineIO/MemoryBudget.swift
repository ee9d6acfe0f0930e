import Synchronization

/// The limit of the bytes that a process holds for its clients: incomplete input, buffered output, and the requests
/// that opened sessions. Shared by all loops. [any-thread]
///
/// It only counts; the callback ``MemoryAccount/onExceeded`` decides which connections to close.
public final class MemoryBudget: Sendable {
    private let most: Atomic<Int>
    private let total = Atomic<Int>(0)

    public init(limit: Int) {
        most = Atomic(limit)
    }

    /// Bytes. Clients that hold too much after a change are closed by the next check.
    public var limit: Int {
        get { most.load(ordering: .relaxed) }
        set { most.store(newValue, ordering: .relaxed) }
    }

    /// Bytes held by all loops; wrong by less than ``MemoryAccount/publishThreshold`` for each loop.
    public var used: Int { total.load(ordering: .relaxed) }

    public var isExceeded: Bool { used > limit }

    /// - Returns: the total afterwards.
    func add(_ bytes: Int) -> Int {
        total.wrappingAdd(bytes, ordering: .relaxed).newValue
    }
}

/// One loop's share of a ``MemoryBudget``: a plain counter, which is added to the budget when it has changed by
/// ``publishThreshold`` bytes. [loop]
public final class MemoryAccount {
    public let budget: MemoryBudget
    /// Bytes held by this loop.
    public private(set) var held = 0
    private var published = 0
    /// Changes of fewer bytes than this are not added to the budget. It suits the budget's first limit: with a smaller
    /// one, ``MemoryBudget/used`` is less precise in proportion.
    public let publishThreshold: Int
    /// Called when the budget is exceeded, from within ``charge(_:)``. It must not close a connection synchronously,
    /// because the caller may be iterating over a list.
    public var onExceeded: () -> Void = {}

    public init(of budget: MemoryBudget) {
        self.budget = budget
        publishThreshold = min(65_536, max(1, budget.limit / 256))
    }

    /// An account without a limit.
    public convenience init() {
        self.init(of: MemoryBudget(limit: .max))
    }

    /// Adds `bytes` to the held bytes; subtracts them if negative.
    @inline(__always)
    public func charge(_ bytes: Int) {
        held += bytes
        if abs(held - published) >= publishThreshold { publish() }
    }

    /// Adds the changes since the last call to the budget.
    public func publish() {
        let total = budget.add(held - published)
        published = held
        if total > budget.limit { onExceeded() }
    }
}
