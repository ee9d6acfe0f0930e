import Support

/// Counts the connections of each user, and derives who is online.
///
/// Presence is a *count of connections per user*: with two tabs of which one is closed, the user is still online. A
/// connection counts once for a user, however many sockets (one per namespace) it has for that user. It may have
/// sockets of several users and then counts once for each.
///
/// A user whose last connection ends stays online for the *grace period*, so that a page reload causes no change. A
/// grace period of 0 reports the change at once.
///
/// Each operation takes constant time, or time linear in the number of users that it returns. Times are parameters, in
/// milliseconds since 1970. If the clock is set back, a running grace period ends early; nothing else changes.
public struct PresenceTable: Sendable {
    /// Milliseconds for which a user stays online without a connection.
    public static let defaultGracePeriod: Int64 = 5000

    /// Offline users whose ``PresenceStatus/lastSeen`` is kept: at about 100 bytes each, 10 MB.
    public static let defaultOfflineLimit = 100_000

    /// A key for the number of sockets of one user on one connection. The user is an index to keep it small: there is
    /// one key per connection.
    private struct Attachment: Hashable {
        let connection: UInt64
        let entry: Int
    }

    public let gracePeriod: Int64
    public let offlineLimit: Int

    /// Number of users who are online, including those in their grace period.
    public private(set) var onlineCount = 0

    /// Number of offline users whose ``PresenceStatus/lastSeen`` was dropped because of the limit.
    public private(set) var forgottenCount: UInt64 = 0

    private var entries: [PresenceEntry] = []
    private var freeEntries: [Int] = []
    private var entryOfUser: [ByteString: Int] = [:]
    /// Number of sockets for each connection and user.
    private var sockets: [Attachment: Int] = [:]
    /// Users in their grace period. It has the same length for all, so the order of leaving is the order of deadlines.
    private var leaving = PresenceEntryList()
    /// Offline users whose `lastSeen` is kept, the one offline for longest first.
    private var offline = PresenceEntryList()

    /// - Parameters:
    ///   - gracePeriod: milliseconds between the end of a user's last connection and the offline change; 0: none. A
    ///     negative value counts as 0.
    ///   - offlineLimit: number of offline users that are remembered; 0: none.
    public init(gracePeriod: Int64 = defaultGracePeriod, offlineLimit: Int = defaultOfflineLimit) {
        self.gracePeriod = max(0, gracePeriod)
        self.offlineLimit = max(0, offlineLimit)
    }

    // MARK: Changes

    /// Records a socket of `user` on `connection`. Each call needs a matching ``disconnect(_:connection:now:)``.
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

    /// Removes a socket of `user` on `connection`. Ignored if ``connect(_:connection:now:)`` did not record it.
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

    /// The offline changes of users whose grace period has ended by `now`, in the order in which they left.
    public mutating func due(now: Int64) -> [PresenceChange] {
        var changes: [PresenceChange] = []
        while let index = leaving.first, hasEnded(since: entries[index].lastSeen, now: now) {
            leaving.remove(index, in: &entries)
            changes.append(markOffline(index))
        }
        return changes
    }

    /// When ``due(now:)`` will return a change, in milliseconds since 1970; `nil` if no user is in the grace period.
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

    /// The status of each of `users`, in their order.
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

/// The presence of one user at one moment.
public struct PresenceStatus: Sendable, Hashable {
    public let user: ByteString

    /// Whether the user counts as online. Still true during the grace period, while ``connections`` is 0.
    public let isOnline: Bool

    public let connections: Int

    /// When the last connection ended, in milliseconds since 1970; `nil` while there is a connection, and for users
    /// that were never seen or are forgotten.
    public let lastSeen: Int64?

    public init(user: ByteString, isOnline: Bool, connections: Int, lastSeen: Int64?) {
        self.user = user
        self.isOnline = isOnline
        self.connections = connections
        self.lastSeen = lastSeen
    }
}

/// A user has come online or gone offline.
public struct PresenceChange: Sendable, Hashable {
    public let user: ByteString

    /// `true` if the user came online, `false` if the user went offline.
    public let isOnline: Bool

    /// When it happened, in milliseconds since 1970. An offline change has the time at which the last connection ended,
    /// not the end of the grace period; it equals ``PresenceStatus/lastSeen``.
    public let at: Int64

    public init(user: ByteString, isOnline: Bool, at: Int64) {
        self.user = user
        self.isOnline = isOnline
        self.at = at
    }
}

/// The data about a user who is connected, in the grace period, or offline and remembered.
struct PresenceEntry: Sendable {
    var user: ByteString
    var connections = 0
    var isOnline = false

    /// When the last connection ended, in milliseconds since 1970; unused while there is a connection.
    var lastSeen: Int64 = 0

    /// Neighbours in the list that contains the entry, if any: `leaving` or `offline`. -1: none.
    var previous = -1
    var next = -1
    var isLinked = false

    init(user: ByteString) {
        self.user = user
    }
}

/// A doubly linked list through an array of entries, so that removing an entry takes constant time and no memory.
struct PresenceEntryList: Sendable {
    private(set) var count = 0
    private var head = -1
    private var tail = -1

    /// Index of the oldest entry of the list.
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
