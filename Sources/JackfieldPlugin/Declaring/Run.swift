/// Where a handler runs, when it does not run on the strand. What runs here must be `Sendable`.
public enum Run: Sendable, Equatable {
    /// In order for each user (anonymous: each socket); several users at once.
    case byUser
    /// In order for each value at a JSON pointer into the arguments, such as `/0/room`; for a route, at the named parameter.
    case byKey(String)
    /// Any number at once, in no order.
    case parallel
    /// On the event loop itself. The handler must not block, not for a lock or a file, and should return within 50 microseconds:
    /// while it runs, every other socket of that loop waits.
    case inline

    var code: UInt32 {
        switch self {
        case .byUser: JF_RUN_BY_USER
        case .byKey: JF_RUN_BY_KEY
        case .parallel: JF_RUN_PARALLEL
        case .inline: JF_RUN_INLINE
        }
    }

    var key: String {
        if case .byKey(let key) = self { key } else { "" }
    }
}
