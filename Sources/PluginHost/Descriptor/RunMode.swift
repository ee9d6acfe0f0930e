import Support

/// Where a callback runs: `JF_RUN_*`.
enum RunMode: Sendable, Equatable {
    /// One at a time, in order.
    case strand
    /// In order for each user.
    case byUser
    /// In order for each value that the key names: a JSON pointer into an event's arguments, or a parameter of a route.
    case byKey(ByteString)
    /// Any number at once, as far as there are lanes.
    case parallel
    /// On the event loop, at once.
    case inline

    /// Whether lanes beside the strand are needed.
    var usesLanes: Bool {
        switch self {
        case .strand, .inline: false
        case .byUser, .byKey, .parallel: true
        }
    }
}
