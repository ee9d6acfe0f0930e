import JackfieldPlugin
import Support

/// Which page of a list is wanted. Lists run from the newest to the oldest; `after` is the last id (or the `next`) of the page before.
public struct PageQuery: Sendable, Equatable {
    public static let limits = 1...200
    public static let defaultLimit = 50

    public let after: String?
    public let limit: Int

    /// Throws 400 for a cursor that is none, or a limit out of bounds.
    public init(after: String?, limit: Int?) throws(Problem) {
        if let after, !TimeOrderedID.isValid(after) {
            throw .invalid("after: '\(after.cut(to: 64))' is no cursor; use an id, or the 'next' of the page before")
        }
        let limit = limit ?? Self.defaultLimit
        guard Self.limits.contains(limit) else {
            throw .invalid("limit must be from \(Self.limits.lowerBound) to \(Self.limits.upperBound), not \(limit)")
        }
        self.after = after
        self.limit = limit
    }

    /// `?after=…&limit=…`
    public init(_ request: borrowing Request) throws(Problem) {
        try self.init(
            after: request.query("after"), limit: request.query("limit", in: Self.limits, default: Self.defaultLimit))
    }
}
