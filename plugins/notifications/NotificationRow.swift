import JackfieldPlugin
import PluginStore
import Support

/// A stored notification: `{id, user_id, type, title, body, data, created_at, seen_at, read_at}`.
///
/// `id` is a UUID version 7 and sorts by time. Times are milliseconds since 1970-01-01 UTC here and RFC 3339 in JSON.
/// `seen_at` is when a list first contained it, `read_at` when the user marked it read; that sets `seen_at` too.
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
            draft: NotificationDraft(
                userID: row.text(1), type: row.text(2), title: row.text(3), body: row.textIfPresent(4),
                data: row.json(5)),
            createdAt: row.integer(6), seenAt: row.integerIfPresent(7), readAt: row.integerIfPresent(8))
    }

    /// The type of ``json`` in signatures.
    static let signature =
        "{id: string, user_id: string, type: string, title: string, body: string?, data: json, created_at: string, "
        + "seen_at: string?, read_at: string?}"

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

/// A notification to be stored: `{user_id, type, title, body?, data?}`. Unknown members are ignored.
///
/// Limits: user_id 1 to 256 bytes without control characters, type 1 to 64 of `a-z A-Z 0-9 _ . : -`, title 1 to 200
/// characters, body up to 10,000 characters, data any JSON of up to 65,536 bytes.
struct NotificationDraft: Decodable, Sendable, Equatable {
    static let maxData = 65_536

    let userID: String
    let type: String
    let title: String
    let body: String?
    let data: JSON?

    private enum CodingKeys: String, CodingKey {
        case userID = "user_id"
        case type, title, body, data
    }

    /// Compares bytes: `String` equality would ignore differences in Unicode normalisation.
    static func == (a: NotificationDraft, b: NotificationDraft) -> Bool {
        ByteString(a.userID) == ByteString(b.userID) && ByteString(a.type) == ByteString(b.type)
            && ByteString(a.title) == ByteString(b.title)
            && a.body.map { ByteString($0) } == b.body.map { ByteString($0) } && a.data == b.data
    }

    /// Throws 400 `invalid_arguments` that names the first invalid member.
    func check() throws(Problem) {
        if let problem = UserID.problem(ByteString(userID)) { throw .invalid("user_id \(problem)") }
        try TextRule(1...64).check(type, "type")
        guard type.utf8.allSatisfy(Self.isTypeCharacter) else {
            throw .invalid("type '\(type.cut(to: 64))' may have letters, digits and _ . : - only")
        }
        try TextRule(1...200).check(title, "title")
        if let body { try TextRule(0...10_000).check(body, "body") }
        if let data, data.bytes.count > Self.maxData {
            throw .invalid("data must have at most \(Self.maxData) bytes of JSON; it has \(data.bytes.count)")
        }
    }

    private static func isTypeCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
