/// A socket that ``BroadcastOperator/fetchSockets()`` found, as it was at that moment.
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

    /// Now: a client that upgrades is `polling` first.
    public let transport: TransportKind?

    /// The same number for all sockets of one client's connection; never used twice.
    public let connection: UInt64

    static func all(in fetched: jf_fetched, host: JackfieldHost) -> [FetchedSocket] {
        guard let items = fetched.items else { return [] }
        return (0..<Int(clamping: fetched.count)).map { index in
            let item = UnsafeRawPointer(items).advanced(by: index * Int(fetched.stride)).assumingMemoryBound(to: jf_socket_info.self).pointee
            return FetchedSocket(
                socket: Socket(host: host, handle: item.socket, namespace: String(item.nsp), user: .unlessEmpty(item.user)), id: String(item.id),
                rooms: UnsafeBufferPointer(start: item.rooms, count: Int(item.room_count)).map { String($0) },
                data: JSON(unchecked: Array(UnsafeRawBufferPointer(item.data))), transport: TransportKind(item.transport), connection: item.connection)
        }
    }
}
