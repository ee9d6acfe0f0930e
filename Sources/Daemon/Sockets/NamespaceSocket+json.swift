import RawJSON
import SocketIO

/// What the core itself says to clients: small and seldom, so values rather than bytes.
extension NamespaceSocket {
    func emit(_ name: StaticString, _ argument: JSONValue) {
        let args = JSONValue.array([argument]).serialized
        args.withUnsafeBytes { bytes in
            let name = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            emit(name: name, args: bytes, attachments: UnsafeBufferPointer(start: nil, count: 0), flags: [])
        }
    }
}

extension IncomingEvent {
    /// Acks with one argument, if the client asked for an ack.
    func answer(_ argument: JSONValue, to socket: NamespaceSocket) {
        guard let ackID else { return }
        let args = JSONValue.array([argument]).serialized
        args.withUnsafeBytes { socket.ack(ackID, args: $0, attachments: UnsafeBufferPointer(start: nil, count: 0)) }
    }
}

extension JSONValue {
    /// The form of every failing ack: `{"error":{"code":…,"message":…}}`.
    static func failure(code: String, message: String) -> JSONValue {
        .object([.init("error", .object([.init("code", .string(code)), .init("message", .string(message))]))])
    }
}
