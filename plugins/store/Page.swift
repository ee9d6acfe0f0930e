import JackfieldPlugin
import Support

/// A page of a list: `{items: [...], next: <cursor> | null}`.
public struct Page<Item: Sendable>: Sendable {
    public let items: [Item]
    public let next: String?

    public init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }

    /// `fetched` has one item more than the page if there is a next page.
    public init(_ fetched: [Item], limit: Int, id: (Item) -> String) {
        items = Array(fetched.prefix(limit))
        next = fetched.count > limit ? items.last.map(id) : nil
    }

    public func json(_ encode: (Item) -> JSON) -> JSON {
        var page = JSONObject(reserving: 1024)
        page.set("items", JSON.array(items.map(encode)))
        page.set("next", next)
        return page.json
    }
}

/// The page of a list that a client requests. Lists run from the newest to the oldest item; `after` is the last id (or
/// the `next`) of the page before.
public struct PageQuery: Sendable, Equatable {
    public static let limits = 1...200
    public static let defaultLimit = 50

    public let after: String?
    public let limit: Int

    /// Throws 400 for an invalid cursor, or a limit out of bounds.
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

    /// From the query `?after=…&limit=…`.
    public init(_ request: borrowing Request) throws(Problem) {
        try self.init(
            after: request.query("after"), limit: request.query("limit", in: Self.limits, default: Self.defaultLimit))
    }
}
