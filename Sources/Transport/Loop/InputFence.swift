import Glibc
import NIOCore
import NIOPosix

/// Calls back when the loop has read all input that had arrived before the call. [loop]
///
/// It writes a byte to a pipe that the loop reads. epoll reports descriptors in the order in which they became
/// readable, however many it reports at a time, so it reports the pipe after every connection that has input at the
/// time of the write.
final class InputFence: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// The writing end of the pipe.
    private let descriptor: CInt
    private var waiting: [() -> Void] = []

    private init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Installs a fence on `loop`.
    /// - Throws: `IOError` with the system's error number; most often no file descriptor is left.
    static func install(on loop: Loop) async throws {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw IOError(errnoCode: errno, reason: "pipe") }
        let (input, output) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(output, F_SETFL, O_NONBLOCK)
        do {
            _ = try await NIOPipeBootstrap(group: loop.eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let inputFence = InputFence(descriptor: output)
                        try channel.pipeline.syncOperations.addHandler(inputFence)
                        loop.inputFence = inputFence
                    }
                }
                .takingOwnershipOfDescriptor(input: input)
                .get()
        } catch {
            close(input)
            throw error
        }
    }

    /// Calls `body` once all input has been read that has arrived by now.
    func enqueue(_ body: @escaping () -> Void) {
        waiting.append(body)
        var byte: UInt8 = 0
        // If the pipe is full, it is readable already: the byte is not needed.
        _ = write(descriptor, &byte, 1)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let called = waiting
        waiting = []
        for body in called { body() }
    }

    /// The loop is shutting down: the waiting closures are dropped, not called.
    func channelInactive(context: ChannelHandlerContext) {
        waiting = []
    }
}
