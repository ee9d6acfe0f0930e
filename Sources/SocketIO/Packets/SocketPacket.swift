/// What a Socket.IO packet's text says, as ranges of it. Nothing is copied; the text must still be there to make sense of them.
struct SocketPacket: Equatable {
    /// The digit a packet begins with.
    enum Kind: UInt8 {
        case connect = 0
        case disconnect = 1
        case event = 2
        case ack = 3
        case connectError = 4
        case binaryEvent = 5
        case binaryAck = 6
    }

    var kind: Kind

    /// Binary messages that follow.
    var attachments = 0

    /// With its slash; empty for the main namespace.
    var namespace = 0..<0

    var ackID: UInt64?

    /// A validated JSON value, white space around it included; empty without one.
    var payload = 0..<0

    /// An event's name: what stands between its quotes, or the digits of a number.
    var name = 0..<0

    /// Whether the name has escapes.
    var nameIsEscaped = false

    /// Of the comma before an event's first argument; `nil` when there is none. Writing `[` there makes the rest of the payload an array.
    var comma: Int?
}
