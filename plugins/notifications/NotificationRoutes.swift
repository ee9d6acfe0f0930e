import JackfieldPlugin
import PluginStore

/// The HTTP routes. They work without any connected socket.
struct NotificationRoutes: Sendable {
    let service: NotificationService
    let sockets: NotificationSockets

    /// `POST /v1/notifications` `{user_id, type, title, body?, data?}` → 201 with the row and `delivered`.
    func create(_ request: borrowing Request) throws -> Response {
        let sender = try request.user
        let key: IdempotencyKey? =
            if let header = request.header("idempotency-key") {
                try IdempotencyKey(sender: sender, header: header)
            } else { nil }
        let draft = try request.decode(NotificationDraft.self)
        try draft.check()
        let reply = try request.keep()
        sockets.push(draft, key: key) { result in
            do {
                let pushed = try result.get()
                let response = Response.json(pushed.json, status: 201)
                reply.send(pushed.isReplay ? response.header("Idempotency-Replayed", "true") : response)
            } catch {
                reply.fail(error)
            }
        }
        return .later
    }

    /// `GET /v1/notifications?status=&after=&limit=` → a page of the caller's notifications, the newest first.
    func list(_ request: borrowing Request) throws -> Response {
        let user = try request.user
        let page = try service.list(
            of: user, status: NotificationStatus(request.query("status")), page: PageQuery(request))
        service.markSeen(page.items, of: user)
        return .json(page.json(\.json))
    }

    /// `POST /v1/notifications/{id}/read` → the row.
    func read(_ request: borrowing Request) throws -> Response {
        try markRead(.one(TimeOrderedID.lookup(request.parameter("id"), "id").text), request) { outcome in
            .json(outcome.row?.json ?? .null)
        }
    }

    /// `POST /v1/notifications/read-all` → `{updated, count}`.
    func readAll(_ request: borrowing Request) throws -> Response {
        try markRead(.all, request) { outcome in
            var answer = JSONObject(reserving: 48)
            answer.set("updated", outcome.updated)
            answer.set("count", outcome.unread)
            return .json(answer.json)
        }
    }

    /// `GET /v1/notifications/count` → `{count}`, the number of unread notifications.
    func count(_ request: borrowing Request) throws -> Response {
        try .json(["count": service.count(of: request.user)])
    }

    private func markRead(
        _ target: ReadTarget, _ request: borrowing Request, _ answer: @escaping @Sendable (ReadOutcome) -> Response
    ) throws -> Response {
        let user = try request.user
        let reply = try request.keep()
        sockets.markRead(target, of: user) { result in
            do {
                reply.send(try answer(result.get()))
            } catch {
                reply.fail(error)
            }
        }
        return .later
    }
}

/// The header `Idempotency-Key`, with which a sender repeats a request safely, as in Stripe's API and the IETF draft
/// draft-ietf-httpapi-idempotency-key-header.
///
/// Keys belong to their sender and are valid for 24 hours. A request with a known key and the same content gets the
/// first answer again, with the header `Idempotency-Replayed: true`, and is neither stored nor emitted; with other
/// content it gets 422 `idempotency_mismatch`.
struct IdempotencyKey: Sendable, Equatable {
    /// Milliseconds; as long as Stripe keeps keys.
    static let lifetime: Int64 = 24 * 3600 * 1000

    let sender: String
    let key: String

    /// 1 to 255 visible ASCII characters, with the quotes that the draft demands or without.
    init(sender: String, header: String) throws(Problem) {
        let quote = UInt8(ascii: "\"")
        var text = header.utf8[...]
        if text.count >= 2, text.first == quote, text.last == quote { text = text.dropFirst().dropLast() }
        guard (1...255).contains(text.count), text.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .invalid("Idempotency-Key must have 1 to 255 visible ASCII characters")
        }
        self.sender = sender
        key = String(decoding: text, as: UTF8.self)
    }
}
