/// A doubly linked list through an array of entries, so that leaving it from the middle takes constant time and no memory.
struct PresenceEntryList: Sendable {
    private(set) var count = 0
    private var head = -1
    private var tail = -1

    /// Index of the entry that has been in the list for longest.
    var first: Int? { head < 0 ? nil : head }

    mutating func append(_ index: Int, in entries: inout [PresenceEntry]) {
        entries[index].previous = tail
        entries[index].next = -1
        entries[index].isLinked = true
        if tail >= 0 { entries[tail].next = index } else { head = index }
        tail = index
        count += 1
    }

    mutating func remove(_ index: Int, in entries: inout [PresenceEntry]) {
        let (previous, next) = (entries[index].previous, entries[index].next)
        if previous >= 0 { entries[previous].next = next } else { head = next }
        if next >= 0 { entries[next].previous = previous } else { tail = previous }
        entries[index].isLinked = false
        count -= 1
    }
}
