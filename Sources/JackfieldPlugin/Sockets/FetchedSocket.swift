/// A socket that ``Broadcast/fetchSockets()`` found, as it was at that moment.
public struct FetchedSocket: Sendable {
    /// To emit to it, to disconnect it, and so on.
    public let socket: Socket

    /// What the client calls `socket.id`.
    public let id: String

    /// Its rooms, the own id first.
    public let rooms: [String]

    /// What plugins have stored with ``Socket/setData(_:)``.
    public let data: JSON

    public var user: String? { socket.user }

    private struct Description: Decodable {
        let id: String
        let nsp: String
        let user: String?
        let rooms: [String]
        let data: JSON
    }

    static func all(in fetched: jf_fetched, host: PluginHost) throws -> [FetchedSocket] {
        let handles = UnsafeBufferPointer(start: fetched.sockets, count: Int(clamping: fetched.count))
        let descriptions = try JSON.decode(
            [Description].self, from: UnsafeRawBufferPointer(fetched.json), named: "sockets.fetch", attachments: [])
        return zip(handles, descriptions).map { handle, found in
            FetchedSocket(
                socket: Socket(host: host, handle: handle, namespace: found.nsp, user: found.user), id: found.id, rooms: found.rooms,
                data: found.data)
        }
    }
}
