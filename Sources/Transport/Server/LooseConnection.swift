import Logging
import NIOCore
import SocketIO

/// One HTTP connection without a listener, for the micro-benchmarks: it is given what a client sends, and writes its answers to a descriptor.
/// From the handler on everything is what ``Server`` makes of an accepted connection.
package final class LooseConnection {
    private let loop: Loop
    private let channel: any Channel

    /// - Parameters:
    ///   - channel: open, and driven by the calling thread. Nothing is read from it.
    ///   - descriptor: of a socket.
    package init(channel: any Channel, descriptor: CInt, http: any HTTPApplication, makeShard: (Loop) -> Shard) throws {
        let loops = Loops(on: channel.eventLoop)
        loop = loops.all[0]
        self.channel = channel
        let server = ServerContext(options: TransportOptions(), loops: loops, http: http, logger: Logger(label: "loose", factory: { _ in SwiftLogNoOpLogHandler() }))
        Server.prepare(loop, server)
        loop.becomeCurrent()
        loop.attach(makeShard(loop))
        let output = ConnectionOutput(loop: loop, channel: channel, descriptor: descriptor)
        try channel.pipeline.syncOperations.addHandler(HTTPHandler(server: server, loop: loop, output: output, remoteAddress: "127.0.0.1"))
    }

    /// What one read brought.
    package func received(_ bytes: UnsafeRawBufferPointer) {
        var buffer = loop.receiveBuffers.take(channel.allocator)
        buffer.writeBytes(bytes)
        channel.pipeline.syncOperations.fireChannelRead(NIOAny(buffer))
    }
}
