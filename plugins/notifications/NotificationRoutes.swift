import JackfieldPlugin
import PluginStore

/// The REST side. It works with no socket anywhere.
struct NotificationRoutes: Sendable {
    let service: NotificationService
    let sockets: NotificationSockets

    /// `POST /v1/notifications` `{user_id, type, title, body?, data?}` → 201, the row with `delivered`.
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

    /// `GET /v1/notifications?status=&after=&limit=` → a page of the caller's own, the newest first.
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

    /// `GET /v1/notifications/count` → `{count}`: how many are unread.
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

/// A sender's promise that two requests are one: the header `Idempotency-Key`, as Stripe and the IETF draft have it.
///
/// Keys belong to their sender and live for 24 hours. The same key with the same request answers what was answered
/// first, with the header `Idempotency-Replayed: true`, and neither stores nor emits again; with another request it is
/// 422 `idempotency_mismatch`.
struct IdempotencyKey: Sendable, Equatable {
    /// Milliseconds: what Stripe keeps.
    static let lifetime: Int64 = 24 * 3600 * 1000

    let sender: String
    let key: String

    /// 1 to 255 visible ASCII characters, quoted (as the draft wants it) or not.
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
