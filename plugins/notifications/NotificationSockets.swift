import JackfieldPlugin
import PluginStore

/// The socket service: wraps the plain service and the host. It commits first and emits second. The caller gets the row
/// also if the user is not connected.
///
/// Events to every socket of the user in `/`: `notification:new` (the row), and `notification:count` (the number of
/// unread notifications) after each change and when a socket connects. Both are emitted also if the user has no
/// connection, because the host keeps them for a lost connection that may be recovered.
final class NotificationSockets: Sendable {
    private let io: JackfieldHost
    private let service: NotificationService

    init(_ io: JackfieldHost, wrapping service: NotificationService) {
        self.io = io
        self.service = service
    }

    /// Stores, then emits, then completes.
    func push(
        _ draft: NotificationDraft, key: IdempotencyKey?,
        then completion: @escaping @Sendable (Result<PushResult, any Error>) -> Void
    ) {
        // Connections instead of `isOnline`, which stays true for the grace period after the last connection.
        service.create(draft, key: key, isOnline: { [io] in io.presence.connections($0) > 0 }) { [self] result in
            completion(
                result.map { created in
                    var row = created.row.object
                    if let unread = created.unread {
                        emit(("notification:new", row.json), ("notification:count", JSON(unread)), to: draft.userID)
                    }
                    row.set("delivered", created.delivered)
                    return PushResult(
                        json: row.json, id: created.row.id, delivered: created.delivered, isReplay: created.isReplay)
                })
        }
    }

    /// Service `notifications/1`, method `create`: stores a notification for another plugin, then emits it, as
    /// `POST /v1/notifications` does. The result comes when the row is committed.
    func create(_ draft: NotificationDraft, answering reply: ServiceReply<StoredNotification>) throws {
        try draft.check()
        push(draft, key: nil) { result in
            do {
                let pushed = try result.get()
                try reply.send(StoredNotification(id: pushed.id, delivered: pushed.delivered))
            } catch {
                reply.fail(error)
            }
        }
    }

    /// Marks read, then emits the new count to all sockets of the user.
    func markRead(
        _ target: ReadTarget, of user: String,
        then completion: @escaping @Sendable (Result<ReadOutcome, any Error>) -> Void
    ) {
        service.markRead(target, of: user) { [self] result in
            if case .success(let outcome) = result, outcome.updated > 0 {
                emit(("notification:count", JSON(outcome.unread)), to: user)
            }
            completion(result)
        }
    }

    // Open records: older versions ignored unknown members, so clients may send some.
    static let listSignature =
        "(input: {status: string?, after: string?, limit: i64?, ...}?) throws -> "
        + "{items: \(NotificationRow.signature)[], next: string?}"
    static let readSignature =
        "(input: {id: string?, ids: string[]?, all: bool?, ...}) throws -> {ok: bool, updated: i64, count: i64}"

    /// `notification:list` `{status?, after?, limit?}` → ack: the page.
    func list(_ event: borrowing Event) throws {
        struct Input: Decodable {
            var status: String?
            var after: String?
            var limit: Int?
        }
        let user = try event.user
        let input = try event.decodeIfPresent(Input.self) ?? Input()
        let page = try service.list(
            of: user, status: NotificationStatus(input.status), page: PageQuery(after: input.after, limit: input.limit))
        try event.ack(page.json(\.json))
        service.markSeen(page.items, of: user)
    }

    /// `notification:read` `{id}` / `{ids}` / `{all: true}` → ack: `{ok, updated, count}`.
    func read(_ event: borrowing Event) throws {
        let user = try event.user
        let target = try ReadTarget(event)
        let reply = try event.keep()
        markRead(target, of: user) { result in
            do {
                let outcome = try result.get()
                var answer = JSONObject()
                answer.set("ok", true)
                answer.set("updated", outcome.updated)
                answer.set("count", outcome.unread)
                try reply.send(answer.json)
            } catch {
                reply.fail(error)
            }
        }
    }

    /// Emits the count to a socket that has connected.
    func connected(_ socket: Socket) throws {
        guard let user = socket.user else { return }
        try socket.emit("notification:count", service.count(of: user))
    }

    /// A failed emit is logged and does not fail the call, because the row is stored.
    private func emit(_ events: (name: String, value: JSON)..., to user: String) {
        let tabs = io.to(user: user)
        for (name, value) in events {
            do {
                try tabs.emit(name, value)
            } catch {
                io.log.error("\(name) to user '\(user)': \(error)")
            }
        }
    }
}

/// The answer to the sender of a notification.
struct PushResult: Sendable {
    /// The row, with `delivered`.
    let json: JSON

    let id: String

    /// Whether the user had a connection when the row was committed.
    let delivered: Bool

    /// Whether the answer to an earlier request is repeated. If so, nothing was stored or emitted.
    let isReplay: Bool
}

/// What another plugin learns of a notification that it has created.
struct StoredNotification: SignatureValue {
    /// Of the row.
    let id: String

    /// Whether the user had a connection when the row was committed. If not, the user finds the row in the list later.
    let delivered: Bool
}

/// The notifications to mark read: `{id}`, `{ids}` (at most 1,000) or `{all: true}`.
enum ReadTarget: Sendable {
    case one(String)
    case some([String])
    case all

    static let maxIDs = 1000

    private struct Input: Decodable {
        let id: String?
        let ids: [String]?
        let all: Bool?
    }

    init(_ event: borrowing Event) throws {
        let input = try event.decode(Input.self)
        switch (input.id, input.ids, input.all) {
        case (let id?, nil, nil):
            self = .one(try TimeOrderedID.lookup(id, "id").text)
        case (nil, let ids?, nil) where ids.count <= Self.maxIDs:
            for (index, id) in ids.enumerated() { _ = try TimeOrderedID.lookup(id, "ids[\(index)]") }
            self = .some(ids)
        case (nil, _?, nil):
            throw Problem.invalid(
                "ids may have at most \(Self.maxIDs) elements; mark them in several steps, or {all: true}")
        case (nil, nil, true?):
            self = .all
        default:
            throw Problem.invalid("say what to mark read: exactly one of {id}, {ids} and {all: true}")
        }
    }
}
