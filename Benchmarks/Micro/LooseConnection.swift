import Logging
import NIOCore
import SocketIO
import Transport

/// One HTTP connection without a listener: it is given what a client sends, and writes its answers to a descriptor.
/// From the handler on everything is what ``Server`` makes of an accepted connection.
final class LooseConnection {
    private let loop: Loop
    private let channel: any Channel
    private let server: Server

    /// - Parameters:
    ///   - channel: open, and driven by the calling thread. Nothing is read from it.
    ///   - descriptor: of a socket.
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

    /// What one read brought.
    func received(_ bytes: UnsafeRawBufferPointer) {
        var buffer = loop.receiveBuffers.acquire(channel.allocator)
        buffer.writeBytes(bytes)
        channel.pipeline.syncOperations.fireChannelRead(NIOAny(buffer))
    }
}
