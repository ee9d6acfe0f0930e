import EngineIO

@testable import SocketIO

/// A client with its own WebSocket, which sends and receives packets.
final class TestClient {
    let output = FakeWebSocket()
    let session: Session

    /// - Parameter issued: when the connection was opened, in ms since 1970.
    init(_ host: TestHost, issued: Int64 = 0) {
        let uri = "/socket.io/?EIO=4&transport=websocket"
        let handshakeRequest = HandshakeRequest(
            remoteAddress: "127.0.0.1", secure: false, uri: uri, issued: issued, headers: [])
        session = host.table.open(handshakeRequest, over: output)
        host.shard.open(session)
        _ = output.drain()
    }

    /// Sends packets and returns all packets received since the last call.
    @discardableResult
    func say(_ packets: String...) -> [String] {
        for packet in packets { send(packet) }
        return output.drain()
    }

    func send(_ packet: String) {
        var bytes = Array(("4" + packet).utf8)
        bytes.withUnsafeMutableBytes { session.webSocketReceived(text: $0, over: output) }
    }

    @discardableResult
    func say(binary: [UInt8]) -> [String] {
        var bytes = binary
        bytes.withUnsafeMutableBytes { session.webSocketReceived(binary: $0, over: output) }
        return output.drain()
    }

    func heard() -> [String] {
        output.drain()
    }

    /// Breaks the connection without a close frame.
    func vanish() {
        session.webSocketGone(output, reason: .transportError)
    }

    var isClosed: Bool { output.isClosed }
}
