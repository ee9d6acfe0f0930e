import Logging
import NIOCore

/// Pauses accepting when it fails (no file descriptors left, mostly), and says so once, and once that it works again.
///
/// NIO's own `AcceptBackoffHandler` delays the next *read*; but a read that failed is still pending for NIO, so the listening socket stays registered and
/// the loop spins on it. Turning autoRead off takes it out of the selector.
final class AcceptWatcher: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let logger: Logger
    private var isFailing = false
    private var failures: UInt64 = 0
    private static let pause = TimeAmount.milliseconds(200)

    init(logger: Logger) {
        self.logger = logger
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isFailing {
            isFailing = false
            logger.notice("connections are accepted again", metadata: ["failures": "\(failures)"])
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failures += 1
        if !isFailing {
            isFailing = true
            logger.error(
                "connections cannot be accepted: \(error); accepting pauses, and goes on by itself. Raise the limit of open files (ulimit -n) or lower maxConnections")
        }
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        let channel = context.channel
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) {
            try? channel.syncOptions?.setOption(.autoRead, value: true)
        }
        context.fireErrorCaught(error)
    }
}
