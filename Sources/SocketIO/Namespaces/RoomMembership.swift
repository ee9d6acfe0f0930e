/// That a socket is in a room, and at which index of its ``Room/members``.
struct RoomMembership {
    /// Not retained: the namespace holds a room as long as it has members.
    let room: Unmanaged<Room>
    var index: Int
}
