import Support

/// Who is online, and how many times.
///
/// Presence is a *count of connections per user*: two tabs, one closed, still online. A connection counts once for a
/// user however many sockets (one for each namespace) it carries for that user; it may carry sockets of several users
/// and counts once for each.
///
/// A user whose last connection ends stays online for the *grace period*, which swallows a page reload: back within it,
/// and there was no change at all. A grace period of 0 reports the change at once.
///
/// Every operation takes constant time but those that return several users, which take theirs. Time is passed in, in
/// milliseconds since 1970; a clock that is set back ends a running grace period early, and does nothing worse.
public struct PresenceTable: Sendable {
    /// Milliseconds a user stays online without a connection.
    public static let defaultGracePeriod: Int64 = 5000

    /// How many offline users' ``PresenceStatus/lastSeen`` is remembered: at some 100 bytes each, 10 MB.
    public static let defaultOfflineLimit = 100_000

    /// One side of a connection's reference count. The user is an index, so that this is small: there is
    /// one for every connection.
    private struct Attachment: Hashable {
        let connection: UInt64
        let entry: Int
    }

    public let gracePeriod: Int64
    public let offlineLimit: Int

    /// Users who are online now, those in their grace period included.
    public private(set) var onlineCount = 0

    /// Offline users whose ``PresenceStatus/lastSeen`` was dropped to keep within the limit, since the beginning.
    public private(set) var forgottenCount: UInt64 = 0

    private var entries: [PresenceEntry] = []
    private var freeEntries: [Int] = []
    private var entryOfUser: [ByteString: Int] = [:]
    /// Sockets for each connection and user.
    private var sockets: [Attachment: Int] = [:]
    /// In their grace period. It is the same for all, so the order of leaving is the order of deadlines.
    private var leaving = PresenceEntryList()
    /// Offline and remembered, the longest gone first.
    private var offline = PresenceEntryList()

    /// - Parameters:
    ///   - gracePeriod: milliseconds between the end of a user's last connection and the offline change; 0:
    ///     none. Negative counts as 0.
    ///   - offlineLimit: how many offline users are remembered; 0: none.
    public init(gracePeriod: Int64 = defaultGracePeriod, offlineLimit: Int = defaultOfflineLimit) {
        self.gracePeriod = max(0, gracePeriod)
        self.offlineLimit = max(0, offlineLimit)
    }

    // MARK: Changes

    /// A socket of `user` has come up on `connection`. Each call needs its ``disconnect(_:connection:now:)``.
    ///
    /// - Returns: the change, if the user was offline.
    public mutating func connect(_ user: ByteString, connection: UInt64, now: Int64) -> PresenceChange? {
        let index = entryOfUser[user] ?? insert(user)
        let attachment = Attachment(connection: connection, entry: index)
        if let count = sockets[attachment] {
            sockets[attachment] = count + 1
            return nil
        }
        sockets[attachment] = 1
        entries[index].connections += 1
        guard entries[index].connections == 1 else { return nil }
        if entries[index].isOnline {
            leaving.remove(index, in: &entries)
            return nil
        }
        if entries[index].isLinked { offline.remove(index, in: &entries) }
        entries[index].isOnline = true
        onlineCount += 1
        return PresenceChange(user: user, isOnline: true, at: now)
    }

    /// A socket of `user` on `connection` is gone. Ignored if none had come up.
    ///
    /// - Returns: the change, if this was the user's last connection and there is no grace period.
    public mutating func disconnect(_ user: ByteString, connection: UInt64, now: Int64) -> PresenceChange? {
        guard let index = entryOfUser[user] else { return nil }
        let attachment = Attachment(connection: connection, entry: index)
        guard let count = sockets[attachment] else { return nil }
        guard count == 1 else {
            sockets[attachment] = count - 1
            return nil
        }
        sockets[attachment] = nil
        entries[index].connections -= 1
        guard entries[index].connections == 0 else { return nil }
        entries[index].lastSeen = now
        guard gracePeriod == 0 else {
            leaving.append(index, in: &entries)
            return nil
        }
        return markOffline(index)
    }

    /// The changes of users whose grace period has ended by `now`, in the order they left.
    public mutating func due(now: Int64) -> [PresenceChange] {
        var changes: [PresenceChange] = []
        while let index = leaving.first, hasEnded(since: entries[index].lastSeen, now: now) {
            leaving.remove(index, in: &entries)
            changes.append(markOffline(index))
        }
        return changes
    }

    /// When ``due(now:)`` will have something to tell, in milliseconds since 1970; `nil` if nobody is leaving.
    public func nextDeadline(now: Int64) -> Int64? {
        leaving.first.map { min(entries[$0].lastSeen, now) + gracePeriod }
    }

    // MARK: Questions

    public func isOnline(_ user: ByteString) -> Bool {
        entryOfUser[user].map { entries[$0].isOnline } ?? false
    }

    public func connections(of user: ByteString) -> Int {
        entryOfUser[user].map { entries[$0].connections } ?? 0
    }

    public func status(of user: ByteString) -> PresenceStatus {
        guard let index = entryOfUser[user] else {
            return PresenceStatus(user: user, isOnline: false, connections: 0, lastSeen: nil)
        }
        let entry = entries[index]
        return PresenceStatus(
            user: user, isOnline: entry.isOnline, connections: entry.connections,
            lastSeen: entry.connections == 0 ? entry.lastSeen : nil)
    }

    /// One status for each of `users`, in their order.
    public func snapshot(_ users: some Collection<ByteString>) -> [PresenceStatus] {
        users.map { status(of: $0) }
    }

    // MARK: Entries

    private func hasEnded(since lastSeen: Int64, now: Int64) -> Bool {
        now < lastSeen || now - lastSeen >= gracePeriod
    }

    private mutating func markOffline(_ index: Int) -> PresenceChange {
        entries[index].isOnline = false
        onlineCount -= 1
        let change = PresenceChange(user: entries[index].user, isOnline: false, at: entries[index].lastSeen)
        offline.append(index, in: &entries)
        if offline.count > offlineLimit, let oldest = offline.first {
            offline.remove(oldest, in: &entries)
            forgottenCount += 1
            entryOfUser[entries[oldest].user] = nil
            entries[oldest] = PresenceEntry(user: "")
            freeEntries.append(oldest)
        }
        return change
    }

    private mutating func insert(_ user: ByteString) -> Int {
        let index: Int
        if let free = freeEntries.popLast() {
            entries[free] = PresenceEntry(user: user)
            index = free
        } else {
            index = entries.count
            entries.append(PresenceEntry(user: user))
        }
        entryOfUser[user] = index
        return index
    }
}

/// How one user stands at one moment.
public struct PresenceStatus: Sendable, Hashable {
    public let user: ByteString

    /// Whether others see the user as online. During the grace period this is still so, though ``connections`` is 0.
    public let isOnline: Bool

    public let connections: Int

    /// When the last connection ended, in milliseconds since 1970; `nil` while there is one, and for users never
    /// seen or forgotten since.
    public let lastSeen: Int64?

    public init(user: ByteString, isOnline: Bool, connections: Int, lastSeen: Int64?) {
        self.user = user
        self.isOnline = isOnline
        self.connections = connections
        self.lastSeen = lastSeen
    }
}

/// A user has come or gone.
public struct PresenceChange: Sendable, Hashable {
    public let user: ByteString

    /// `true` on the change from no connection to one, `false` on that from one to none.
    public let isOnline: Bool

    /// When it happened, in milliseconds since 1970. For those who left this is when their last connection ended, not
    /// when the grace period did, so it equals ``PresenceStatus/lastSeen``.
    public let at: Int64

    public init(user: ByteString, isOnline: Bool, at: Int64) {
        self.user = user
        self.isOnline = isOnline
        self.at = at
    }
}

/// What the table keeps of a user who is connected, leaving, or remembered.
struct PresenceEntry: Sendable {
    var user: ByteString
    var connections = 0
    var isOnline = false

    /// When the last connection ended, in milliseconds since 1970; meaningless while there is one.
    var lastSeen: Int64 = 0

    /// Neighbours in the one list an entry can be in: the leaving, or the offline. -1: none.
    var previous = -1
    var next = -1
    var isLinked = false

    init(user: ByteString) {
        self.user = user
    }
}

/// A doubly linked list through an array of entries, so that leaving it from the middle takes
/// constant time and no memory.
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
