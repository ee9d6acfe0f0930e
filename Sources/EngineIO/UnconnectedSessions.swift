/// The sessions of one table that have joined no namespace, in the order they came. [loop]
///
/// Sessions that joined or ended stay in the list until they are met; then, or when they are most of it, they are dropped.
struct UnconnectedSessions {
    private var ids: ContiguousArray<SessionID> = []
    /// Where the list begins.
    private var head = 0
    /// Sessions.
    private(set) var count = 0
    /// What their requests take.
    private(set) var bytes = 0

    /// How many the list holds, those that left included.
    var listed: Int { ids.count }

    mutating func add(_ id: SessionID, bytes size: Int) {
        ids.append(id)
        count += 1
        bytes += size
    }

    /// A session has joined, or is over.
    mutating func left(bytes size: Int) {
        count -= 1
        bytes -= size
        if count == 0 {
            ids = []
            head = 0
        }
    }

    /// The one that has been waiting longest, off the list; nil: there is none.
    /// - Parameter find: the session of an id, if it is still unconnected.
    mutating func popOldest(_ find: (SessionID) -> Session?) -> Session? {
        while head < ids.count {
            head += 1
            if let session = find(ids[head - 1]) { return session }
        }
        return nil
    }

    /// The one that came last, off the list.
    mutating func popNewest(_ find: (SessionID) -> Session?) -> Session? {
        while head < ids.count {
            if let session = find(ids.removeLast()) { return session }
        }
        return nil
    }

    /// Drops those that left, when most did.
    mutating func compact(_ find: (SessionID) -> Session?) {
        guard ids.count > 64, ids.count > 2 * count else { return }
        ids = ContiguousArray(ids[head...].filter { find($0) != nil })
        head = 0
    }
}
