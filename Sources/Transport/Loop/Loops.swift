import EngineIO
import Glibc
import NIOCore
import NIOPosix
import SocketIO

/// The event loops of a host, one thread each.
public final class Loops: Sendable {
    public let all: [Loop]
    private let group: any EventLoopGroup

    /// - Parameter count: 1 to 64, which is what a session id can encode. One per core is meant.
    public init(count: Int) {
        precondition((1...64).contains(count), "between 1 and 64 event loops, not \(count)")
        let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
        self.group = group
        all = group.makeIterator().enumerated().map { Loop(index: $0.offset, eventLoop: $0.element) }
    }

    /// One loop, on an event loop that the caller owns.
    package init(on eventLoop: any EventLoop) {
        group = eventLoop
        all = [Loop(index: 0, eventLoop: eventLoop)]
    }

    /// On the thread of each loop: attaches the shard that `makeShard` returns, and starts the housekeeping.
    public func start(_ makeShard: @escaping @Sendable (Loop) -> Shard) async throws {
        for loop in all {
            try await loop.eventLoop.submit {
                loop.becomeCurrent()
                loop.attach(makeShard(loop))
                loop.startHousekeeping()
            }.get()
            try await InputFence.install(on: loop)
        }
        CloseOnExec.markEventPolls()
    }

    /// The loop that runs on `eventLoop`.
    func loop(of eventLoop: any EventLoop) -> Loop {
        guard let loop = all.first(where: { $0.eventLoop === eventLoop }) else {
            preconditionFailure("a channel was registered on an event loop that is not one of this host's")
        }
        return loop
    }

    /// The loop of the session with this id; nil for an id that this host cannot have issued.
    func owner(of sessionID: SessionID?) -> Loop? {
        guard let index = sessionID?.loop, index < all.count else { return nil }
        return all[index]
    }

    var eventLoopGroup: any EventLoopGroup { group }

    /// The sum of the counters of all loops.
    public func counters() async throws -> LoopCounters {
        var sum = LoopCounters()
        for loop in all {
            sum = sum + (try await loop.eventLoop.submit { loop.countersWithSessions }.get())
        }
        return sum
    }

    /// The lag of each loop, in the order of ``all``.
    public func lags() async throws -> [LoopLag] {
        var lags: [LoopLag] = []
        for loop in all { lags.append(try await loop.eventLoop.submit { loop.lag }.get()) }
        return lags
    }

    /// Ends the threads. Open connections are dropped.
    public func shutdown() async throws {
        try await group.shutdownGracefully()
    }
}

/// Sets close-on-exec on descriptors, so that programs started by a plugin do not inherit them. NIO does not set it on
/// its event polls and sockets.
enum CloseOnExec {
    static func mark(_ descriptor: CInt) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    /// [loop] Marks the socket of a channel; does nothing for a channel without one.
    static func mark(_ channel: any Channel) {
        try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { mark($0) }
    }

    /// Marks the epoll, event and timer descriptors of this process. NIO does not expose them, so they are found in
    /// `/proc`.
    static func markEventPolls() {
        guard let folder = opendir("/proc/self/fd") else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let descriptor = CInt(name) else { continue }
            let target = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
                let count = readlink("/proc/self/fd/\(name)", buffer.baseAddress.unsafelyUnwrapped, buffer.count)
                return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
            if target.utf8.starts(with: "anon_inode:[event".utf8) { mark(descriptor) }
        }
    }
}
