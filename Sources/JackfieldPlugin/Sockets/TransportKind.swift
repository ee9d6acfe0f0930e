/// How a client is connected.
public enum TransportKind: Sendable {
    case polling
    case webSocket

    /// nil for a transport that this SDK does not know.
    init?(_ raw: UInt32) {
        switch raw {
        case JF_TRANSPORT_POLLING: self = .polling
        case JF_TRANSPORT_WEBSOCKET: self = .webSocket
        default: return nil
        }
    }
}
