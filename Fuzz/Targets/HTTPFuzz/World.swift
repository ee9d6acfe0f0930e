import FuzzSupport
import NIOCore
import NIOEmbedded
import SocketIO

@testable import EngineIO
@testable import Transport

/// The connections of one input. Used on the loop's thread.
final class World {
    private let host: Host
    private var channels: [EmbeddedChannel?] = [nil, nil, nil]
    /// The bytes that the server sent on each connection.
    private var heard: [[UInt8]] = [[], [], []]
    private var pending: [UInt8] = []
    private var current = 0
    private var lastSession: String?

    init(_ host: Host) {
        self.host = host
    }

    // MARK: - Actions

    func collect(_ bytes: ArraySlice<UInt8>) {
        pending += bytes
    }

    func act(_ act: UInt8, _ argument: UInt8) {
        send()
        switch act {
        case 0xFF: current = Int(argument) % channels.count
        case 0xFD: host.loop.wheel.advance(to: host.loop.wheel.now + Int64(argument) * 200)
        case 0xFC: close(current)
        case 0xFB: host.http.goOn(argument)
        default: break
        }
    }

    private func send() {
        guard !pending.isEmpty else { return }
        let bytes = expanded(pending)
        pending = []
        guard let channel = open(current), channel.isActive else { return }
        // Errors are ignored: handlers may throw them.
        _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
        channel.embeddedEventLoop.run()
    }

    private func expanded(_ bytes: [UInt8]) -> [UInt8] {
        guard let lastSession, bytes.contains(UInt8(ascii: "{")) else { return bytes }
        let mark = Array("{sid}".utf8)
        var expanded: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            if rest.starts(with: mark) {
                expanded += lastSession.utf8
                rest = rest.dropFirst(mark.count)
            } else {
                expanded.append(rest.removeFirst())
            }
        }
        return expanded
    }

    /// Sets up a connection as ``Server`` does.
    private func open(_ index: Int) -> EmbeddedChannel? {
        if let channel = channels[index] { return channel }
        let channel = EmbeddedChannel()
        channels[index] = channel
        heard[index] = []
        do {
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            host.server.limits.count(channel, from: "127.0.0.1")
            let output = ConnectionOutput(loop: host.loop, channel: channel, isEncrypted: false)
            let handler = HTTPHandler(server: host.server, loop: host.loop, output: output, remoteAddress: "127.0.0.1")
            try channel.pipeline.syncOperations.addHandler(handler)
        } catch {
            require(false, "a connection is accepted: \(error)")
        }
        return channel
    }

    private func close(_ index: Int) {
        guard let channel = channels[index] else { return }
        channels[index] = nil
        _ = try? channel.finish(acceptAlreadyClosed: true)
        channel.embeddedEventLoop.run()
    }

    // MARK: - Rules

    func hear() {
        for (index, channel) in channels.enumerated() {
            guard let channel else { continue }
            channel.embeddedEventLoop.run()
            while let bytes = try? channel.readOutbound(as: ByteBuffer.self) { heard[index] += bytes.readableBytesView }
            require(
                heard[index].isEmpty || heard[index].starts(with: Array("HTTP/1.1 ".utf8)),
                "the first bytes that the server sends are an HTTP response")
            if !channel.isActive { close(index) }
        }
        for table in host.loop.tables {
            for session in table.all {
                lastSession = session.id.description
                let waiting = session.queue.byteCount + session.queue.packetCount * PacketQueue.costPerPacket
                require(waiting <= 32_768, "queued output is bounded")
            }
        }
    }

    /// Closes all connections, and advances the clock.
    func end() {
        hear()
        for index in channels.indices { close(index) }
        host.http.forget()
        for _ in 0..<4 {
            host.loop.wheel.advance(to: host.loop.wheel.now + 60_000)
            for table in host.loop.tables { table.tickEnded() }
        }
    }

    func checkNothingIsLeft() {
        let loop = host.loop
        require(loop.connections.isEmpty, "no connection is left")
        require(loop.tables.allSatisfy { $0.count == 0 }, "no session is left")
        require(loop.shard.statistics.clients == 0 && loop.shard.statistics.sockets == 0, "no client is left")
        require(loop.wheel.count == 0, "no timer is left")
        require(loop.dirty.isEmpty, "nothing waits to be written")
        require(host.server.limits.connectionCount == 0, "no connection is counted")
        require(host.server.limits.sessionCount == 0, "no session is counted")
        require(loop.account.held == 0, "nothing is held any more")
    }
}
