import EngineIO

@testable import SocketIO

/// One shard with an application that logs its calls, and whose behaviour a test sets.
final class TestHost: Application {
    let timers = TimerWheel(now: 1_000)
    let table: SessionTable
    private(set) var shard: Shard!

    /// The calls of the application, one line each.
    var log: [String] = []
    /// The sockets that are connected.
    var sockets: [NamespaceSocket] = []

    var onConnect: (ConnectAttempt) -> Void = { $0.accept() }
    var onConnected: (NamespaceSocket) -> Void = { _ in }
    /// Name, args, attachments, ack id.
    var onEvent: (NamespaceSocket, String, String, [[UInt8]], UInt64?) -> Void = { _, _, _, _, _ in }
    var onDisconnecting: (NamespaceSocket) -> Void = { _ in }

    init(
        _ options: SocketOptions = SocketOptions(),
        namespaces: [NamespaceTable.Declaration] = [.name("/"), .name("/public")], index: Int = 0
    ) throws {
        table = SessionTable(options: EngineOptions(), timers: timers, loop: index)
        shard = Shard(
            index: index, timers: timers, options: options, namespaceTable: try NamespaceTable(namespaces),
            application: self)
    }

    /// A client that has joined the main namespace.
    func joined() -> TestClient {
        let client = TestClient(self)
        client.say("0")
        return client
    }

    func pass(_ milliseconds: Int64) {
        timers.advance(to: timers.now + milliseconds)
    }

    func connect(_ attempt: ConnectAttempt) {
        onConnect(attempt)
    }

    func connected(_ socket: NamespaceSocket) {
        sockets.append(socket)
        log.append("connected \(socket.namespace.name)")
        onConnected(socket)
    }

    func event(_ event: borrowing IncomingEvent, from socket: NamespaceSocket) {
        let name = String(decoding: event.name, as: UTF8.self)
        let args = String(decoding: event.args, as: UTF8.self)
        log.append("event \(name) \(args)")
        onEvent(socket, name, args, event.attachments.map { Array($0) }, event.ackID)
    }

    func disconnecting(_ socket: NamespaceSocket, reason: DisconnectReason) {
        log.append("disconnecting \(reason.rawValue) \(socket.roomCount)")
        onDisconnecting(socket)
    }

    func disconnected(_ socket: NamespaceSocket, reason: DisconnectReason) {
        log.append("disconnected \(reason.rawValue)")
        sockets.removeAll { $0 === socket }
    }
}
