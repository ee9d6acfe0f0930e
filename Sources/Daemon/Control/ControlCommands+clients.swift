import Glibc
import PluginHost
import Presence
import RawJSON
import Support

/// What the commands say of clients, and how they stop the daemon.
extension ControlCommands {
    /// Most sockets or rooms in one answer.
    static let longestList: Int64 = 10_000

    func presence(_ request: ControlRequest) throws(ControlError) -> JSONValue {
        try request.allow("user")
        guard let user = try request.text("user") else { return ["online": .integer(presence.onlineCount)] }
        if let problem = UserID.problem(ByteString(user)) {
            throw ControlError(.invalidArguments, "the user id \(problem)")
        }
        return presence.status(of: ByteString(user)).json
    }

    func rooms(_ request: ControlRequest) async throws(ControlError) -> JSONValue {
        try request.allow("nsp", "limit")
        let list = await host.rooms(namespace: try namespace(request), limit: try limit(request))
        return answer("rooms", list) { room in
            ["nsp": .string(room.namespace), "room": .string(room.name), "sockets": .integer(room.sockets)]
        }
    }

    func sockets(_ request: ControlRequest) async throws(ControlError) -> JSONValue {
        try request.allow("nsp", "room", "user", "limit")
        let list = await host.sockets(
            namespace: try namespace(request), room: try request.text("room").map { ByteString($0) },
            user: try request.text("user").map { ByteString($0) }, limit: try limit(request))
        return answer("sockets", list) { socket in
            [
                "id": .string(socket.id), "nsp": .string(socket.namespace),
                "user": socket.user.map { .string($0) } ?? .null, "transport": .string(socket.transport),
                "address": .string(socket.address),
                "connected_at": .string(RFC3339.text(milliseconds: socket.connectedAt)),
                "rooms": .integer(socket.rooms),
            ]
        }
    }

    private func namespace(_ request: ControlRequest) throws(ControlError) -> ByteString? {
        guard let name = try request.text("nsp").map({ ByteString($0) }) else { return nil }
        guard host.hasNamespace(name) else {
            throw ControlError(
                .notFound, "there is no namespace '\(name.text)'; its name begins with a slash, as in /chat")
        }
        return name
    }

    private func limit(_ request: ControlRequest) throws(ControlError) -> Int {
        try request.integer("limit", in: 1...Self.longestList, default: 100)
    }

    /// - Parameter name: of the member that has the elements.
    private func answer<Element>(
        _ name: String, _ list: Listing<Element>, _ json: (Element) -> JSONValue
    ) -> JSONValue {
        .object([
            .init(name, .array(list.elements.map(json))), .init("total", .integer(list.total)),
            .init("incomplete", .bool(list.isIncomplete)),
        ])
    }

    // MARK: - The end

    func drain(_ request: ControlRequest) throws(ControlError) -> JSONValue {
        try request.allow()
        stop()
        return [
            "process": .integer(getpid()), "online": .integer(presence.onlineCount),
            "deadline": .integer(reload.configuration.limits.shutdownDeadline.wholeMilliseconds),
        ]
    }
}
