import JackfieldPlugin
import PluginStore

/// The notifications plugin: stores notifications for users, then emits them.
///
/// Configuration: `{ store: "sqlite:data/notifications.db" }`, the default.
public final class Notifications: Plugin, Sendable {
    public static let name = "notifications"
    public static let version = "1.0.0"

    private let service: NotificationService
    private let sockets: NotificationSockets
    private let routes: NotificationRoutes

    private struct Settings: Decodable {
        var store: String?
    }

    public init(host: JackfieldHost) throws {
        let location = try StoreLocation(host.config(Settings.self).store ?? "sqlite:data/notifications.db")
        service = try NotificationService(
            location, clock: { host.now }, report: { host.log.warning($0) }, batch: host.batch)
        sockets = NotificationSockets(host, wrapping: service)
        routes = NotificationRoutes(service: service, sockets: sockets)
    }

    /// Handlers that read from the store run by user: the lists of two users are read in parallel, and one user's
    /// events keep their order.
    public static func declare(_ io: Declarations<Notifications>) {
        io.on("notification:list", signature: NotificationSockets.listSignature, run: .byUser, Notifications.listEvent)
        io.on("notification:read", signature: NotificationSockets.readSignature, run: .byUser, Notifications.readEvent)
        io.emits("notification:new", "(notification: \(NotificationRow.signature))")
        io.emits("notification:count", "(count: i64)")
        io.root.connected(Notifications.connected)

        // Inline, since it only queues a write. So the pushes of one connection are stored in the order in which they
        // came, and a batch of them wakes the writer's thread once.
        io.http.on("POST", "/v1/notifications", scope: "notifications:write", run: .inline, Notifications.create)
        io.http.on("GET", "/v1/notifications", run: .byUser, Notifications.list)
        io.http.on("POST", "/v1/notifications/{id}/read", run: .byUser, Notifications.read)
        io.http.on("POST", "/v1/notifications/read-all", run: .byUser, Notifications.readAll)
        io.http.on("GET", "/v1/notifications/count", run: .byUser, Notifications.count)

        io.service("notifications", version: 1, 0) {
            $0.method(
                "create", arguments: ["user", "type", "title", "body", "data"], Notifications.createForPlugin)
        }

        io.every(.seconds(600), Notifications.sweep)
    }

    public func ready() throws { try service.check() }

    /// Commits the queued writes, then sends their answers and events.
    public func stop() { service.close() }

    private func listEvent(_ socket: Socket, _ event: borrowing Event) throws { try sockets.list(event) }
    private func readEvent(_ socket: Socket, _ event: borrowing Event) throws { try sockets.read(event) }
    private func connected(_ socket: Socket, _ connection: Connection) throws { try sockets.connected(socket) }
    private func create(_ request: borrowing Request) throws -> Response { try routes.create(request) }
    private func list(_ request: borrowing Request) throws -> Response { try routes.list(request) }
    private func read(_ request: borrowing Request) throws -> Response { try routes.read(request) }
    private func readAll(_ request: borrowing Request) throws -> Response { try routes.readAll(request) }
    private func count(_ request: borrowing Request) throws -> Response { try routes.count(request) }
    private func sweep() { service.forgetOldKeys() }

    private func createForPlugin(
        _ reply: ServiceReply<StoredNotification>, user: String, type: String, title: String, body: String?,
        data: JSON?
    ) throws {
        try sockets.create(
            NotificationDraft(userID: user, type: type, title: title, body: body, data: data), answering: reply)
    }
}
