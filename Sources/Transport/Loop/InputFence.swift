import Glibc
import NIOCore
import NIOPosix

/// Calls back when the loop has read all input that had come before the call. [loop]
///
/// A pipe: epoll reports what is readable in the order in which it became so, however many it reports at a time, so a
/// pipe that is written to now is reported after every connection that has something to read by now.
final class InputFence: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// The end that is written to.
    private let descriptor: CInt
    private var waiting: [() -> Void] = []

    private init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Installs a fence on `loop`.
    /// - Throws: what the system said, most often that no file descriptor is left.
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

    /// Calls `body` once everything has been read that has come by now.
    func enqueue(_ body: @escaping () -> Void) {
        waiting.append(body)
        var byte: UInt8 = 0
        // A full pipe is readable all the same.
        _ = write(descriptor, &byte, 1)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let called = waiting
        waiting = []
        for body in called { body() }
    }

    /// The loop ends: nobody waits any more.
    func channelInactive(context: ChannelHandlerContext) {
        waiting = []
    }
}
