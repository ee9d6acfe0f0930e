import EngineIO
import FuzzSupport
import RawJSON
import Support

@testable import SocketIO

/// The application. The names of clients' events select what it does. It records its callbacks and checks their order.
final class TestApplication: Application {
    unowned let world: World
    private(set) var connected: [SocketHandle: NamespaceSocket] = [:]
    private(set) var leaving: Set<SocketHandle> = []
    private(set) var attempts: [ConnectAttempt] = []
    private(set) var asked = 0
    private(set) var answered = 0

    init(_ world: World) {
        self.world = world
    }

    func connect(_ attempt: ConnectAttempt) {
        require(JSONScanner.isValid(attempt.auth), "auth is JSON")
        switch attempt.auth.count % 8 {
        case 3: attempt.refuse(message: "no \"entry\"", data: Array("[1]".utf8))
        case 5: attempts.append(attempt)
        case 7: attempt.accept(user: "alice")
        default: attempt.accept()
        }
    }

    func decideLater(accepting: Bool) {
        guard let attempt = attempts.popLast() else { return }
        if accepting { attempt.accept(user: "bob") } else { attempt.refuse(message: "later", data: nil) }
    }

    func connected(_ socket: NamespaceSocket) {
        require(connected[socket.handle] == nil && socket.isConnected, "a socket connects once")
        connected[socket.handle] = socket
    }

    func disconnecting(_ socket: NamespaceSocket, reason: DisconnectReason) {
        require(connected[socket.handle] === socket, "a socket that disconnects was connected")
        require(leaving.insert(socket.handle).inserted, "a socket is disconnecting once")
        require(
            socket.isConnected && socket.rooms.first == socket.id,
            "a socket that is disconnecting is still in its rooms")
    }

    func disconnected(_ socket: NamespaceSocket, reason: DisconnectReason) {
        require(leaving.remove(socket.handle) != nil, "disconnecting comes before disconnected")
        connected[socket.handle] = nil
        require(!socket.isConnected && socket.rooms.isEmpty, "a disconnected socket is in no room")
        require(world.shard.socket(socket.handle) == nil, "the handle of a disconnected socket names no socket")
        // These calls must have no effect.
        socket.emit("late", "[]")
        _ = try? socket.join("late")
        socket.leave("late")
        socket.disconnect(close: true)
        require(!socket.isIn("late"), "a disconnected socket joins no room")
    }

    func event(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        require(connected[socket.handle] === socket, "events come from connected sockets")
        let args = Array(event.args)
        require(
            PacketEncoder.isValid(args: event.args, attachmentCount: event.attachments.count),
            "arguments are an array that names its attachments")
        guard let name = String(validating: event.name, as: UTF8.self) else { return require(false, "a name is UTF-8") }
        let attachments = event.attachments.map { Array($0) }
        let text: ByteString = args.withUnsafeBytes { bytes in firstText(bytes) } ?? "room"
        switch name {
        case "echo": socket.emit("echo", args, attachments)
        case "join": _ = try? socket.join(text)
        case "leave": socket.leave(text)
        case "ask":
            asked += 1
            do throws(LimitError) {
                try socket.ask("question", args, attachments, timeout: 1_000) { [unowned self] _ in answered += 1 }
            } catch {
                answered += 1
            }
        case "bye": socket.disconnect(close: text == "all")
        case "room":
            world.broadcast(
                "room", args, attachments, to: BroadcastTarget(namespace: socket.namespace.name, rooms: [text]))
        case "others":
            world.broadcast(
                "others", args, attachments,
                to: BroadcastTarget(namespace: socket.namespace.name, exceptSocket: socket.handle))
        case "kick":
            var handles: ContiguousArray<SocketHandle> = []
            world.shard.collect(BroadcastTarget(namespace: socket.namespace.name), into: &handles)
            for handle in handles { world.shard.socket(handle)?.disconnect(close: text == "all") }
        case "poll":
            let target = BroadcastTarget(namespace: socket.namespace.name, rooms: [text, "alice"], except: ["b"])
            asked += world.shard.count(target)
            world.shard.ask("poll", args, to: target, timeout: 500) { [unowned self] _ in answered += 1 }
        default: break
        }
        if let id = event.ackID { socket.ack(id, args, attachments) }
    }

    private func firstText(_ args: UnsafeRawBufferPointer) -> ByteString? {
        var walker = JSONArrayWalker(args)
        guard case .element(let range) = walker.next() else { return nil }
        return JSONText.string(UnsafeRawBufferPointer(rebasing: args[range])).map { ByteString($0) }
    }

    func forgetAttempts() {
        attempts = []
    }
}
