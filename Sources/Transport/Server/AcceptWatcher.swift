import Logging
import NIOCore

/// Says once that connections cannot be accepted (no file descriptors left, mostly), and once that they can be again. NIO pauses accepting by itself.
final class AcceptWatcher: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let logger: Logger
    private var isFailing = false
    private var refusals: UInt64 = 0

    init(logger: Logger) {
        self.logger = logger
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isFailing {
            isFailing = false
            logger.notice("connections are accepted again", metadata: ["failures": "\(refusals)"])
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        refusals += 1
        if !isFailing {
            isFailing = true
            logger.error(
                "connections cannot be accepted: \(error); accepting pauses, and goes on by itself. Raise the limit of open files (ulimit -n) or lower maxConnections")
        }
        context.fireErrorCaught(error)
    }
}
