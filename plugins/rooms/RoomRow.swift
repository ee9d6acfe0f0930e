import JackfieldPlugin
import PluginStore

/// A stored room: `{id, name, created_by, created_at}`. Names are labels and need not be unique; ids are.
struct RoomRow: Sendable, Equatable {
    let id: String
    let name: String
    let createdBy: String
    /// Milliseconds; RFC 3339 in JSON.
    let createdAt: Int64

    static let columns = "id, name, created_by, created_at"

    init(id: String, name: String, createdBy: String, createdAt: Int64) {
        self.id = id
        self.name = name
        self.createdBy = createdBy
        self.createdAt = createdAt
    }

    /// From the ``columns``, in their order.
    init(_ row: ResultRow) { self.init(id: row.text(0), name: row.text(1), createdBy: row.text(2), createdAt: row.integer(3)) }

    var json: JSON {
        var object = JSONObject()
        object.set("id", id)
        object.set("name", name)
        object.set("created_by", createdBy)
        object.set("created_at", RFC3339.text(milliseconds: createdAt))
        return object.json
    }
}
