import JackfieldPlugin
import PluginStore

/// The REST side. It works with no socket anywhere. Rooms are open: who has a token may join any, and so may read any.
struct RoomRoutes: Sendable {
    let service: RoomService

    /// `POST /v1/rooms` `{name}` → 201, the room.
    func create(_ request: borrowing Request) throws -> Response {
        struct Input: Decodable {
            let name: String
        }
        let user = try request.user
        let input = try request.decode(Input.self)
        let reply = try request.keep()
        try service.create(name: input.name, by: user) { result in
            do {
                let room = try result.get()
                reply.send(Response.json(room.json, status: 201).header("Location", "/v1/rooms/\(room.id)"))
            } catch {
                reply.fail(error)
            }
        }
        return .later
    }

    /// `GET /v1/rooms?after=&limit=` → a page, the newest first.
    func list(_ request: borrowing Request) throws -> Response {
        try .json(service.rooms(PageQuery(request)).json(\.json))
    }

    /// `GET /v1/rooms/{id}` → the room.
    func room(_ request: borrowing Request) throws -> Response { try .json(service.room(request.parameter("id")).json) }

    /// `GET /v1/rooms/{id}/messages?after=&limit=` → a page, the newest first.
    func messages(_ request: borrowing Request) throws -> Response {
        try .json(service.messages(in: request.parameter("id"), PageQuery(request)).json(\.json))
    }
}
