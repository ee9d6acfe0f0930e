import Logging
import NIOCore
import SocketIO
import Transport

/// One HTTP connection without a listener: the caller passes it the bytes of a client, and it writes its answers to a
/// descriptor. Its handlers are those that ``Server`` makes for an accepted connection.
final class LooseConnection {
    private let loop: Loop
    private let channel: any Channel
    private let server: Server

    /// - Parameters:
    ///   - channel: open, and driven by the calling thread. It is not read from.
    ///   - descriptor: the descriptor of a socket.
    init(channel: any Channel, descriptor: CInt, http: any HTTPApplication, makeShard: (Loop) -> Shard) throws {
        let loops = Loops(on: channel.eventLoop)
        loop = loops.all[0]
        self.channel = channel
        server = Server(
            options: TransportOptions(), loops: loops, http: http,
            logger: Logger(label: "loose", factory: { _ in SwiftLogNoOpLogHandler() }))
        loop.becomeCurrent()
        loop.attach(makeShard(loop))
        server.prepare(loop)
        try server.serve(channel, descriptor: descriptor, on: loop)
    }

    /// Passes the bytes of one read to the handlers.
    func received(_ bytes: UnsafeRawBufferPointer) {
        var buffer = loop.receiveBuffers.acquire(channel.allocator)
        buffer.writeBytes(bytes)
        channel.pipeline.syncOperations.fireChannelRead(NIOAny(buffer))
    }
}
