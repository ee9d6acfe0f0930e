/// A socket's part in connection state recovery.
final class SocketRecovery {
    /// The private id: who has it may have the session. Told to the client in the CONNECT answer.
    let privateID: SocketID

    let isRecovered: Bool

    /// Events up to this place were sent when the session was restored; a broadcast of before, still on its way, must not come twice.
    let restoredThrough: UInt64

    /// The place in the log from which the session has heard everything.
    let start: UInt64

    /// The handles of its sockets, this one's last.
    let handles: [SocketHandle]

    init(privateID: SocketID, isRecovered: Bool, restoredThrough: UInt64, start: UInt64, handles: [SocketHandle]) {
        self.privateID = privateID
        self.isRecovered = isRecovered
        self.restoredThrough = restoredThrough
        self.start = start
        self.handles = handles
    }
}
