import NIOCore

/// Keeps what the request decoder had read too far while a connection moves. [loop]
final class LeftoverCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var bytes: ByteBuffer?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var more = unwrapInboundIn(data)
        bytes.setOrWriteBuffer(&more)
    }

    func take() -> ByteBuffer? {
        defer { bytes = nil }
        return bytes
    }
}
