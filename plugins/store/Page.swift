import JackfieldPlugin

/// Part of a list: `{items: [...], next: <cursor> | null}`.
public struct Page<Item: Sendable>: Sendable {
    public let items: [Item]
    public let next: String?

    public init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }

    /// From one item more than the page holds: if it is there, so is a next page.
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
