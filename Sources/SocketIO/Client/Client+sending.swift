import EngineIO
import RawJSON

extension Client {
    /// Sends `0{"sid":"…"}`, with `"pid"` if recovery is on. The events that a recovered session missed are sent first,
    /// as in the reference.
    func sendConnect(_ socket: NamespaceSocket, missed: [SharedMessage]) {
        for message in missed { session.send(message) }
        let prefix = socket.namespace.prefix
        let socketRecovery = socket.socketRecovery
        var count = 1 + prefix.count + #"{"sid":""}"#.utf8.count + SocketID.length
        if socketRecovery != nil { count += #","pid":"""#.utf8.count + SocketID.length }
        session.send(textCount: count, compress: true) { buffer in
            var output = ByteCursor(buffer)
            output.write("0")
            output.write(prefix)
            output.write(#"{"sid":""#)
            output.write(SocketID.length) { socket.socketID.write(to: $0.baseAddress!) }
            if let socketRecovery {
                output.write(#"","pid":""#)
                output.write(SocketID.length) { socketRecovery.privateID.write(to: $0.baseAddress!) }
            }
            output.write(#""}"#)
        }
    }

    /// Sends `4/name,{"message":…,"data":…}`.
    ///
    /// - Parameter name: the namespace as in the CONNECT packet; empty for the main namespace.
    func sendConnectError(message: String, data: [UInt8]?, name: UnsafeRawBufferPointer) {
        var json = JSONWriter()
        json.beginObject()
        json.text(message, key: "message")
        if let data { json.raw(data, key: "data") }
        json.endObject()
        let payload = json.bytes
        let count = 1 + (name.isEmpty ? 0 : name.count + 1) + payload.count
        session.send(textCount: count, compress: true) { buffer in
            var output = ByteCursor(buffer)
            output.write("4")
            if !name.isEmpty {
                output.write(name)
                output.write(",")
            }
            payload.withUnsafeBytes { output.write($0) }
        }
    }

    /// Sends `1/name,`.
    func sendDisconnect(_ socket: NamespaceSocket) {
        let prefix = socket.namespace.prefix
        session.send(textCount: 1 + prefix.count, compress: true) { buffer in
            var output = ByteCursor(buffer)
            output.write("1")
            output.write(prefix)
        }
    }
}
