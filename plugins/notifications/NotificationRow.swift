import JackfieldPlugin
import PluginStore

/// A stored notification: `{id, user_id, type, title, body, data, created_at, seen_at, read_at}`.
///
/// `id` is a UUID version 7 and sorts by time. Times are milliseconds here and RFC 3339 in JSON. `seen_at` is when the user was
/// first given it in a list, `read_at` when he marked it read; what is read counts as seen.
struct NotificationRow: Sendable, Equatable {
    let id: String
    let draft: NotificationDraft
    let createdAt: Int64
    let seenAt: Int64?
    let readAt: Int64?

    static let columns = "id, user_id, type, title, body, data, created_at, seen_at, read_at"

    init(id: String, draft: NotificationDraft, createdAt: Int64, seenAt: Int64? = nil, readAt: Int64? = nil) {
        self.id = id
        self.draft = draft
        self.createdAt = createdAt
        self.seenAt = seenAt
        self.readAt = readAt
    }

    /// From the ``columns``, in their order.
    init(_ row: ResultRow) {
        self.init(
            id: row.text(0),
            draft: NotificationDraft(userID: row.text(1), type: row.text(2), title: row.text(3), body: row.textIfPresent(4), data: row.json(5)),
            createdAt: row.integer(6), seenAt: row.integerIfPresent(7), readAt: row.integerIfPresent(8))
    }

    var json: JSON { object.json }

    var object: JSONObject {
        var object = JSONObject(reserving: 384)
        object.set("id", id)
        object.set("user_id", draft.userID)
        object.set("type", draft.type)
        object.set("title", draft.title)
        object.set("body", draft.body)
        object.set("data", draft.data)
        object.set("created_at", RFC3339.text(milliseconds: createdAt))
        object.set("seen_at", seenAt.map { RFC3339.text(milliseconds: $0) })
        object.set("read_at", readAt.map { RFC3339.text(milliseconds: $0) })
        return object
    }
}
