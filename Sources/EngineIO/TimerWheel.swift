/// The timers of one event loop: a hierarchical timing wheel whose entries are in one array. [loop]
///
/// Ticks are milliseconds. A timer never fires early; how late it fires depends only on how often ``advance(to:)`` is
/// called. Scheduling and cancelling are O(1), and allocate nothing once the array has an entry for each timer in use.
/// Level n has 64 slots of 64ⁿ ms. Five levels reach 12 days; later timers wait in the last slot and are then linked
/// again.
///
/// Not thread-safe. Targets are retained until their timers fire or are cancelled.
public final class TimerWheel {
    private static let levels = 5
    private static let slotBits = 6
    private static let slots = 1 << slotBits
    private static let none = UInt32.max

    private struct Entry {
        var target: (any TimerTarget)?
        var tag: UInt64
        var deadline: Int64
        var next: UInt32
        var previous: UInt32
        var generation: UInt32
        /// `level * 64 + slot`; unused while the entry is free.
        var bucket: UInt32
    }

    private var entries: [Entry] = []
    private var freeHead = TimerWheel.none
    private var heads = [UInt32](repeating: TimerWheel.none, count: levels * slots)
    /// One bit per non-empty slot, one word per level.
    private var occupied = [UInt64](repeating: 0, count: levels)
    private var isAdvancing = false
    /// The generation of new entries, greater than that of all entries removed by ``shrink()``, so that no stale id
    /// matches.
    private var firstGeneration: UInt32 = 0

    /// The time at which the wheel's driver will call ``advance(to:)``.
    public var wakeUp = Int64.max
    /// Called with the deadline when a timer is scheduled before ``wakeUp``.
    public var onEarlier: ((Int64) -> Void)?

    /// Monotonic time in ms, set by ``advance(to:)`` and ``moveClock(to:)``. While a timer fires on time, this is its
    /// deadline.
    public private(set) var now: Int64
    /// All timers due up to this time have fired. Less than ``now`` only after ``moveClock(to:)``.
    private var position: Int64
    /// Timers that are scheduled, not yet fired and not cancelled.
    public private(set) var count = 0

    public init(now: Int64 = 0) {
        self.now = now
        position = now
    }

    /// Schedules a timer for `deadline`, in ms; if that has passed, the timer fires at the next ``advance(to:)``.
    public func schedule(at deadline: Int64, for target: any TimerTarget, tag: UInt64 = 0) -> TimerID {
        let index: UInt32
        if freeHead != Self.none {
            index = freeHead
            freeHead = entries[Int(index)].next
        } else {
            index = UInt32(entries.count)
            entries.append(
                Entry(
                    target: nil, tag: 0, deadline: 0, next: Self.none, previous: Self.none, generation: firstGeneration,
                    bucket: 0))
        }
        entries[Int(index)].target = target
        entries[Int(index)].tag = tag
        entries[Int(index)].deadline = deadline
        count += 1
        link(index)
        if deadline < wakeUp { onEarlier?(deadline) }
        return TimerID(index: index, generation: entries[Int(index)].generation)
    }

    /// Cancels a timer. Ids that have fired, were cancelled or never existed are ignored.
    public func cancel(_ id: TimerID) {
        guard Int(id.index) < entries.count, entries[Int(id.index)].generation == id.generation,
            entries[Int(id.index)].target != nil
        else { return }
        unlink(id.index)
        release(id.index)
    }

    /// The time at which ``advance(to:)`` should be called: exact if the next timer is less than 64 ms ahead, otherwise
    /// the earlier time at which it moves to a finer level. nil if no timer is scheduled.
    public var nextDeadline: Int64? {
        var earliest: Int64?
        for level in 0..<Self.levels where occupied[level] != 0 {
            let shift = level * Self.slotBits
            let slot = Int((position >> Int64(shift)) & 63)
            // Rotated so that bit 0 is the slot after the current one: at each level, that slot is the next.
            let rotated = rotateRight(occupied[level], by: (slot + 1) & 63)
            let distance = Int64(rotated.trailingZeroBitCount + 1)
            let moment = ((position >> Int64(shift)) + distance) << Int64(shift)
            earliest = min(earliest ?? moment, moment)
        }
        return earliest
    }

    /// Sets the time and fires all timers that are due, ordered by deadline. Targets may schedule and cancel timers.
    public func advance(to newNow: Int64) {
        guard newNow > position, !isAdvancing else { return }
        isAdvancing = true
        defer { isAdvancing = false }
        while let next = nextDeadline, next <= newNow {
            position = next
            moveClock(to: next)
            // Coarse levels first: their entries for this time move to level 0 or fire.
            for level in (1..<Self.levels).reversed() where position & ((1 << Int64(level * Self.slotBits)) - 1) == 0 {
                drain(level: level)
            }
            drain(level: 0)
        }
        position = newNow
        moveClock(to: newNow)
    }

    /// Sets the time but fires nothing: due timers fire at the next ``advance(to:)``, and ``now`` is then as late as it
    /// really is. Time never decreases.
    public func moveClock(to newNow: Int64) {
        now = max(now, newNow)
    }

    /// Number of entries, in use or free.
    var capacity: Int { entries.count }

    /// ``shrink()`` keeps at least this many entries.
    private static let keptEntries = 4_096

    /// Frees the memory of free entries at the end of the array, if a peak has left many. Takes time linear in the
    /// number of entries.
    public func shrink() {
        guard !isAdvancing, entries.count > Self.keptEntries, count < entries.count / 8 else { return }
        let end = max(Self.keptEntries, (entries.lastIndex { $0.target != nil } ?? -1) + 1)
        guard end < entries.count / 2 else { return }
        for entry in entries[end...] { firstGeneration = max(firstGeneration, entry.generation &+ 1) }
        entries = Array(entries[..<end])
        freeHead = Self.none
        for index in entries.indices.reversed() where entries[index].target == nil {
            entries[index].next = freeHead
            freeHead = UInt32(index)
        }
    }

    // MARK: - Slots

    private func drain(level: Int) {
        let slot = Int((position >> Int64(level * Self.slotBits)) & 63)
        let bucket = level * Self.slots + slot
        while heads[bucket] != Self.none {
            let index = heads[bucket]
            unlink(index)
            if entries[Int(index)].deadline <= position {
                fire(index)
            } else {
                link(index)
            }
        }
    }

    private func fire(_ index: UInt32) {
        let id = TimerID(index: index, generation: entries[Int(index)].generation)
        let target = entries[Int(index)].target
        let tag = entries[Int(index)].tag
        release(index)
        target?.timerFired(id, tag: tag)
    }

    /// Inserts an entry into the slot of its deadline, at the earliest into the slot after the current one.
    private func link(_ index: UInt32) {
        let deadline = max(entries[Int(index)].deadline, position + 1)
        var level = 0
        // A level holds only the next 63 slots, so that a slot never means two revolutions of the wheel.
        while level < Self.levels - 1,
            (deadline >> Int64(level * Self.slotBits)) - (position >> Int64(level * Self.slotBits)) > 63
        {
            level += 1
        }
        let shift = Int64(level * Self.slotBits)
        let slot = min(deadline >> shift, (position >> shift) + 63)
        let bucket = UInt32(level * Self.slots + Int(slot & 63))
        let head = heads[Int(bucket)]
        entries[Int(index)].bucket = bucket
        entries[Int(index)].previous = Self.none
        entries[Int(index)].next = head
        if head != Self.none { entries[Int(head)].previous = index }
        heads[Int(bucket)] = index
        occupied[level] |= 1 << UInt64(slot & 63)
    }

    private func unlink(_ index: UInt32) {
        let entry = entries[Int(index)]
        if entry.next != Self.none { entries[Int(entry.next)].previous = entry.previous }
        if entry.previous != Self.none {
            entries[Int(entry.previous)].next = entry.next
        } else {
            heads[Int(entry.bucket)] = entry.next
            if entry.next == Self.none {
                occupied[Int(entry.bucket) / Self.slots] &= ~(1 << UInt64(Int(entry.bucket) % Self.slots))
            }
        }
    }

    private func release(_ index: UInt32) {
        entries[Int(index)].target = nil
        entries[Int(index)].generation &+= 1
        entries[Int(index)].next = freeHead
        freeHead = index
        count -= 1
    }

    private func rotateRight(_ word: UInt64, by bits: Int) -> UInt64 {
        bits == 0 ? word : (word >> UInt64(bits)) | (word << UInt64(64 - bits))
    }
}

/// The receiver of a timer's callback.
public protocol TimerTarget: AnyObject {
    /// The timer `id` is due and removed from the wheel. `tag` is the value given to `schedule`.
    func timerFired(_ id: TimerID, tag: UInt64)
}

/// Identifies a scheduled timer. Stale ids are safe to use, because a reused entry has another generation.
public struct TimerID: Sendable, Hashable {
    var index: UInt32
    var generation: UInt32

    /// No timer; cancelling it does nothing.
    public static let none = TimerID(index: .max, generation: 0)
}
