import EngineIO

@testable import PluginHost
@testable import SocketIO

/// A client on a loop of the test's: says packets, hears packets.
///
/// `@unchecked Sendable`: the session is touched on its loop only; `init` waits for the loop that sets it.
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

    /// Joins a namespace; the first thing heard is the answer to it.
    convenience init(_ loop: TestLoop, joining namespace: String, auth: String = "") {
        self.init(loop)
        say("0" + (namespace == "/" ? "" : namespace + ",") + auth)
    }

    func say(_ packet: String) {
        say(packet) {}
    }

    /// Says these packets, all in one tick of the loop, and does something in the same tick.
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

    /// Says one packet and hears one.
    func ask(_ packet: String) -> String? {
        say(packet)
        return hear()
    }
}
