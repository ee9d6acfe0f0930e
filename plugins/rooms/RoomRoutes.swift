import JackfieldPlugin
import PluginStore
import Support

/// The HTTP routes. They run on the strand. ``RoomSockets/requireMember(_:_:)`` checks permissions, for sockets too.
struct RoomRoutes {
    let service: RoomService
    let sockets: RoomSockets

    /// `POST /v1/rooms` `{name}` → 201 with the room.
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

    /// `GET /v1/rooms?after=&limit=` → a page of rooms, the newest first. For all users.
    func list(_ request: borrowing Request) throws -> Response {
        try .json(service.rooms(PageQuery(request)).json(\.json))
    }

    /// `GET /v1/rooms/{id}` → the room. For all users.
    func room(_ request: borrowing Request) throws -> Response { try .json(service.room(request.parameter("id")).json) }

    /// `GET /v1/rooms/{id}/messages?after=&limit=` → a page of messages, the newest first. For members.
    func messages(_ request: borrowing Request) throws -> Response {
        let room = try requireMember(request)
        return try .json(service.messages(in: room.text, PageQuery(request)).json(\.json))
    }

    /// `GET /v1/rooms/{id}/members?after=&limit=` → a page of `{user, since}`, sorted by user. For members.
    func members(_ request: borrowing Request) throws -> Response {
        let room = try requireMember(request)
        let limit = try request.query("limit", in: PageQuery.limits, default: PageQuery.defaultLimit)
        return try .json(sockets.members(of: room, after: request.query("after"), limit: limit))
    }

    private func requireMember(_ request: borrowing Request) throws -> ByteString {
        try sockets.requireMember(.user(ByteString(request.user)), request.parameter("id"))
    }
}
