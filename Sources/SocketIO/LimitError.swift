/// What was asked for would pass one of the limits of ``SocketOptions``.
public enum LimitError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The socket is in ``SocketOptions/maxRoomsPerSocket`` rooms.
    case tooManyRooms(limit: Int)
    /// The room's name is longer than ``SocketOptions/maxRoomNameLength`` bytes.
    case roomNameTooLong(limit: Int)
    /// As many acks of the socket are due as ``SocketOptions/maxPendingAcks`` allows.
    case tooManyPendingAcks(limit: Int)

    public var description: String {
        switch self {
        case .tooManyRooms(let limit): "the socket is in \(limit) rooms already: leave one, or raise limits.roomsPerSocket"
        case .roomNameTooLong(let limit): "the name of a room is at most \(limit) bytes: shorten it"
        case .tooManyPendingAcks(let limit): "\(limit) acks of the socket are still due: wait for some, or raise limits.pendingAcksPerSocket"
        }
    }
}
