import JackfieldPlugin
import PluginStore

/// The rooms plugin: clients create, join and leave rooms and send messages to them. A message is on disk before it is
/// emitted.
///
/// Configuration: `{ store: "sqlite:data/rooms.db" }`, the default. All handlers run on the strand, because the
/// permission for a message depends on the joins before it.
public final class Rooms: Plugin {
    public static let name = "rooms"
    public static let version = "1.0.0"

    let sockets: RoomSockets
    private let io: JackfieldHost
    private let service: RoomService
    private let routes: RoomRoutes

    private struct Settings: Decodable {
        var store: String?
    }

    public init(host: JackfieldHost) throws {
        let location = try StoreLocation(host.config(Settings.self).store ?? "sqlite:data/rooms.db")
        io = host
        service = try RoomService(location, clock: { host.now }, report: { host.log.warning($0) }, batch: host.batch)
        sockets = RoomSockets(host, wrapping: service, invitations: try Invitations(host))
        routes = RoomRoutes(service: service, sockets: sockets)
    }

    public static func declare(_ io: Declarations<Rooms>) {
        RoomSockets.declare(io)
        io.root.connected { $0.sockets.connected }
        io.root.disconnecting { $0.sockets.disconnecting }

        io.http.post("/v1/rooms") { $0.routes.create }
        io.http.get("/v1/rooms") { $0.routes.list }
        io.http.get("/v1/rooms/{id}") { $0.routes.room }
        io.http.get("/v1/rooms/{id}/messages") { $0.routes.messages }
        io.http.get("/v1/rooms/{id}/members") { $0.routes.members }
    }

    public func start() throws { try sockets.adopt(io.of("/")) }

    public func ready() throws { try service.check() }

    /// Commits the queued writes, then sends their answers and events.
    public func stop() { service.close() }
}
