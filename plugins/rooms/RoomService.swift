import GRDB
import JackfieldPlugin
import PluginStore
import Support

/// The plain service: rooms and their messages in a store. It does not depend on sockets; ``RoomSockets`` wraps it.
///
/// Writes are committed in groups, and their completions run on a thread of the store. Reads block.
final class RoomService: Sendable {
    private let store: GroupCommitStore
    private let ids = TimeOrderedID()
    private let clock: @Sendable () -> Int64

    /// 1 to 200 characters, none of them a control character.
    static let nameRule = TextRule.line(1...200)
    /// 1 to 10,000 characters.
    static let bodyRule = TextRule(1...10_000)

    /// - Parameters:
    ///   - clock: milliseconds since 1970-01-01 UTC.
    ///   - report: logs a line for the operator when the store fails and when it works again.
    ///   - batch: calls the completions of one group; ``JackfieldHost/batch(_:)``.
    init(
        _ location: StoreLocation, clock: @escaping @Sendable () -> Int64, report: @escaping @Sendable (String) -> Void,
        batch: @escaping @Sendable (() -> Void) -> Void
    ) throws {
        store = try GroupCommitStore(location, migrations: RoomSchema.migrations, report: report, batch: batch)
        self.clock = clock
    }

    func create(
        name: String, by user: String, then completion: @escaping @Sendable (Result<RoomRow, any Error>) -> Void
    ) throws(Problem) {
        try Self.nameRule.check(name, "name")
        store.write(
            { [ids, clock] db in
                let now = clock()
                let room = RoomRow(id: ids.next(now: now), name: name, createdBy: user, createdAt: now)
                try db.cachedStatement(sql: "INSERT INTO room (id, name, created_by, created_at) VALUES (?, ?, ?, ?)")
                    .run(.text(room.id), .text(room.name), .text(room.createdBy), .integer(room.createdAt))
                return room
            }, then: completion)
    }

    /// Stores a message; the room must exist.
    func add(
        _ body: String, to room: String, by user: String,
        then completion: @escaping @Sendable (Result<MessageRow, any Error>) -> Void
    ) throws(Problem) {
        try Self.bodyRule.check(body, "body")
        store.write(
            { [ids, clock] db in
                let now = clock()
                let message = MessageRow(id: ids.next(now: now), room: room, user: user, body: body, at: now)
                try db.cachedStatement(sql: "INSERT INTO message (id, room, user, body, at) VALUES (?, ?, ?, ?, ?)")
                    .run(
                        .text(message.id), .text(message.room), .text(message.user), .text(message.body),
                        .integer(message.at))
                return message
            }, then: completion)
    }

    /// The room id that a client sent. Throws 400 if it cannot be one.
    static func id(_ text: String) throws(Problem) -> ByteString { try TimeOrderedID.lookup(text, "room") }

    /// Throws 404 if there is no such room, 400 if `id` cannot be a room id.
    func room(_ id: String) throws -> RoomRow {
        let id = try Self.id(id).text
        guard TimeOrderedID.isValid(id) else { throw Self.unknown(id) }
        let found = try store.read { db in
            try db.cachedStatement(sql: "SELECT \(RoomRow.columns) FROM room WHERE id = ?").fetch(
                .text(id), as: RoomRow.init
            ).first
        }
        guard let found else { throw Self.unknown(id) }
        return found
    }

    private static func unknown(_ id: String) -> Problem { .notFound("there is no room '\(id)'") }

    /// A page of all rooms, the newest first.
    func rooms(_ page: PageQuery) throws -> Page<RoomRow> {
        let rows = try store.read { db in
            try db.cachedStatement(sql: "SELECT \(RoomRow.columns) FROM room WHERE id < ? ORDER BY id DESC LIMIT ?")
                .fetch(.text(page.after ?? Self.afterAllIDs), .integer(Int64(page.limit + 1)), as: RoomRow.init)
        }
        return Page(rows, limit: page.limit, id: \.id)
    }

    /// A page of the messages of a room, the newest first. The room must exist.
    func messages(in room: String, _ page: PageQuery) throws -> Page<MessageRow> {
        let rows = try store.read { db in
            try db.cachedStatement(
                sql: "SELECT \(MessageRow.columns) FROM message WHERE room = ? AND id < ? ORDER BY id DESC LIMIT ?"
            )
            .fetch(
                .text(room), .text(page.after ?? Self.afterAllIDs), .integer(Int64(page.limit + 1)), as: MessageRow.init
            )
        }
        return Page(rows, limit: page.limit, id: \.id)
    }

    func check() throws { try store.check() }

    func close() { store.close() }

    /// Sorts after every id, because ids are hexadecimal.
    private static let afterAllIDs = "g"
}
