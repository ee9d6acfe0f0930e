import EngineIO

@testable import PluginHost
@testable import SocketIO

/// A client on a test loop: sends packets and reads packets.
///
/// `@unchecked Sendable`: the session is used on its loop only; `init` waits for the loop that sets it.
final class TestClient: @unchecked Sendable {
    let output = FakeWebSocket()
    private let loop: TestLoop
    private var session: Session!

    init(_ loop: TestLoop) {
        self.loop = loop
        loop.sync { [self] shard in
            let handshakeRequest = HandshakeRequest(
                remoteAddress: "127.0.0.1", secure: false, uri: "/socket.io/?EIO=4&transport=websocket&a=b%20c",
                issued: 0,
                headers: [(name: "Host", value: "here"), (name: "X-One", value: "1")])
            session = loop.table.open(handshakeRequest, over: output)
            shard.open(session)
        }
        _ = hear()  // the Engine.IO handshake
    }

    /// Joins a namespace; the first packet that it reads is the answer.
    convenience init(_ loop: TestLoop, joining namespace: String, auth: String = "") {
        self.init(loop)
        say("0" + (namespace == "/" ? "" : namespace + ",") + auth)
    }

    func say(_ packet: String) {
        say(packet) {}
    }

    /// Sends these packets, all in one tick of the loop, and runs `body` in the same tick.
    func say<Value: Sendable>(_ packets: String..., then body: @escaping @Sendable () -> Value) -> Value {
        loop.sync { [self] _ in
            for packet in packets {
                var bytes = Array(("4" + packet).utf8)
                bytes.withUnsafeMutableBytes { session.webSocketReceived(text: $0, over: output) }
            }
            return body()
        }
    }

    func say(binary: [UInt8]) {
        loop.sync { [self] _ in
            var bytes = binary
            bytes.withUnsafeMutableBytes { session.webSocketReceived(binary: $0, over: output) }
        }
    }

    func vanish() {
        loop.sync { [self] _ in session.webSocketGone(output, reason: .transportError) }
    }

    func hear(within milliseconds: Int = 5_000) -> String? { output.hear(within: milliseconds) }

    /// Sends one packet and reads one.
    func ask(_ packet: String) -> String? {
        say(packet)
        return hear()
    }
}
