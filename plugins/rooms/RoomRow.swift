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
    init(_ row: ResultRow) {
        self.init(id: row.text(0), name: row.text(1), createdBy: row.text(2), createdAt: row.integer(3))
    }

    /// The type of ``json`` in signatures.
    static let signature = "{id: string, name: string, created_by: string, created_at: string}"

    var json: JSON {
        var object = JSONObject()
        object.set("id", id)
        object.set("name", name)
        object.set("created_by", createdBy)
        object.set("created_at", RFC3339.text(milliseconds: createdAt))
        return object.json
    }
}

/// A stored message: `{id, room, user, body, at}`. `id` is a UUID version 7: within the plugin the order of ids
/// is the order of commits.
struct MessageRow: Sendable, Equatable {
    let id: String
    let room: String
    let user: String
    let body: String
    /// Milliseconds; RFC 3339 in JSON.
    let at: Int64

    static let columns = "id, room, user, body, at"

    init(id: String, room: String, user: String, body: String, at: Int64) {
        self.id = id
        self.room = room
        self.user = user
        self.body = body
        self.at = at
    }

    /// From the ``columns``, in their order.
    init(_ row: ResultRow) {
        self.init(id: row.text(0), room: row.text(1), user: row.text(2), body: row.text(3), at: row.integer(4))
    }

    /// The type of ``json`` in signatures.
    static let signature = "{id: string, room: string, user: string, body: string, at: string}"

    var json: JSON {
        var object = JSONObject()
        object.set("id", id)
        object.set("room", room)
        object.set("user", user)
        object.set("body", body)
        object.set("at", RFC3339.text(milliseconds: at))
        return object.json
    }
}
