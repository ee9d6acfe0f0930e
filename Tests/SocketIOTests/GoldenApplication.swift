import RawJSON
import Support

@testable import SocketIO

/// The application of the reference server's recorded sessions, implemented for this module.
enum GoldenApplication {
    static let namespaces: [NamespaceTable.Declaration] = [
        .name("/"), .name("/public"), .name("/chat"), .pattern("^/dyn-[0-9]+$"),
    ]

    static func install(on host: TestHost) {
        host.onConnect = { attempt in
            attempt.resume(user: nil, claims: ConnectAttempt.emptyObject, expiresAt: nil) {
                let auth = String(decoding: attempt.auth, as: UTF8.self)
                if attempt.namespace != "/chat" || auth == #"{"token":"golden-token"}"# { return attempt.accept() }
                let code = auth.contains("\"token\"") ? "wrong_token" : "missing_token"
                attempt.refuse(message: "unauthorized", data: Array(#"{"code":"\#(code)"}"#.utf8))
            }
        }
        host.onEvent = { [unowned host] socket, name, args, attachments, ackID in
            let elements = elements(of: args)
            switch name {
            case "echo": socket.emit("echo", args, attachments)
            case "ack": if let ackID { socket.ack(ackID, args, attachments) }
            case "blob":
                let blob = (0..<(Int(elements[0]) ?? 0)).map { UInt8($0 % 251) }
                let placeholder = #"[{"_placeholder":true,"num":0}]"#
                if let ackID {
                    socket.ack(ackID, placeholder, [blob])
                } else {
                    socket.emit("blob", placeholder, [blob])
                }
            case "big": socket.emit("big", "[\"" + String(repeating: "x", count: Int(elements[0]) ?? 0) + "\"]")
            case "burst": for index in 0..<(Int(elements[0]) ?? 0) { socket.emit("item", "[\(index)]") }
            case "join":
                _ = try? socket.join(unquoted(elements[0]))
                if let ackID { socket.ack(ackID, "[true]") }
            case "leave":
                socket.leave(unquoted(elements[0]))
                if let ackID { socket.ack(ackID, "[true]") }
            case "to-room":
                let target = BroadcastTarget(namespace: socket.namespace.name, rooms: [unquoted(elements[0])])
                host.shard.broadcast("room-msg", "[\(elements[1])]", attachments, to: target)
                if let ackID { socket.ack(ackID, "[true]") }
            case "broadcast":
                let target = BroadcastTarget(namespace: socket.namespace.name, exceptSocket: socket.handle)
                host.shard.broadcast("broadcast-msg", "[\(elements[0])]", attachments, to: target)
                if let ackID { socket.ack(ackID, "[true]") }
            case "ask":
                withBytes("question", args, attachments) { name, args, attachments in
                    try? socket.emit(name: name, args: args, attachments: attachments, timeout: 60_000) { answer in
                        guard case .answered(let args, let attachments) = answer else { return }
                        socket.emit("answer", String(decoding: args, as: UTF8.self), attachments.map { Array($0) })
                    }
                }
            case "disconnect-me": socket.disconnect(close: elements.first == "true")
            default: break
            }
        }
    }

    private static func unquoted(_ token: String) -> ByteString {
        Array(token.utf8).withUnsafeBytes { JSONText.byteString($0) } ?? ""
    }

    private static func elements(of args: String) -> [String] {
        Array(args.utf8).withUnsafeBytes { bytes in
            var elements: [String] = []
            var walker = JSONArrayWalker(bytes)
            while case .element(let range) = walker.next() {
                elements.append(String(decoding: bytes[range], as: UTF8.self))
            }
            return elements
        }
    }
}
