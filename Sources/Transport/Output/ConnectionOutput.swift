import EngineIO
import Glibc
import NIOCore
import NIOPosix

/// The output of one TCP connection. [loop]
///
/// Everything appended in a tick is sent with one `send` when the tick ends, directly to the descriptor. When the
/// kernel does not accept all of it, the rest goes through NIO's channel, and direct sends stop until NIO has written
/// it: so the order is kept. A broadcast frame that is alone in its tick is sent from the shared bytes, without a copy.
final class ConnectionOutput {
    // The fields that a broadcast uses come first, next to each other: with thousands of connections, each of their
    // cache lines is a miss.
    private var shared: SharedMessage?
    private var buffer: OutputBuffer?
    /// The socket, or -1 if NIO's channel must be used (encrypted) or the channel is closed.
    private var descriptor: CInt
    private var isDirty = false
    private var ending = Ending.none
    /// Set by ``beginSending()``: the kernel may have some of the pending bytes already, so ``flush()`` must not send
    /// them.
    private var isUnderWay = false
    /// A handler in the channel's pipeline calls ``channelClosed()``. NIO calls that handler in the same call that
    /// closes the descriptor, so a descriptor that is still set here belongs to this connection. Asking the channel
    /// costs two cache misses.
    var isWatched = false
    /// Bytes that NIO is writing.
    private var inChannel = 0
    /// The number of bytes charged to the loop's account: those that the kernel did not accept, and those appended
    /// behind them, up to 4 GiB. Bytes that only wait for the end of their tick are not charged.
    private var charged: UInt32 = 0
    /// The number of writes through NIO.
    private var channelWrites: UInt32 = 0
    /// ``flushSeparately()`` sets it: nothing is sent before this time of the wheel, ms; 0: no restriction.
    private var sendNotBefore: Int64 = 0
    let loop: Loop
    let channel: any Channel
    /// Called when all output has been sent.
    var onDrained: (() -> Void)?

    /// What happens when all output has been sent.
    private enum Ending {
        case none
        /// FIN; the peer closes.
        case shutDown
        case close
    }

    convenience init(loop: Loop, channel: any Channel, isEncrypted: Bool) {
        self.init(loop: loop, channel: channel, descriptor: isEncrypted ? -1 : ConnectionOutput.descriptor(of: channel))
    }

    init(loop: Loop, channel: any Channel, descriptor: CInt) {
        self.loop = loop
        self.channel = channel
        self.descriptor = descriptor
    }

    private static func descriptor(of channel: any Channel) -> CInt {
        (try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }) ?? -1
    }

    /// No output is waiting for the peer.
    var canSendNow: Bool { inChannel == 0 }

    /// Appended bytes that the kernel does not have yet.
    var bufferedBytes: Int { inChannel + (buffer?.count ?? 0) + (shared?.frames.count ?? 0) }

    /// Output is waiting for the peer, or this tick has already produced as much as one send should carry.
    var isBehind: Bool { inChannel != 0 || isLarge }

    /// The pending output is better sent now than at the end of the tick.
    var isLarge: Bool { buffer.map { $0.count >= Self.batch } ?? false }

    /// Pending output that is worth a send of its own; bytes.
    private static let batch = 16_384

    /// How much the peer has acknowledged. Two equal values mean that it acknowledged nothing in between.
    struct Progress: Equatable {
        fileprivate let channelWrites: UInt32
        fileprivate let inChannel: Int
        /// Unacknowledged bytes in the kernel. NIO's numbers alone are too coarse: the kernel asks for more only when a
        /// third of its buffer is free, which takes minutes with a slow reader.
        fileprivate let inKernel: CInt
    }

    /// Reads the current progress. A system call.
    var progress: Progress {
        let left = inChannel == 0 ? 0 : (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? inChannel
        var unacknowledged: CInt = 0
        if isDescriptorOurs { _ = ioctl(descriptor, UInt(TIOCOUTQ), &unacknowledged) }
        return Progress(channelWrites: channelWrites, inChannel: left, inKernel: unacknowledged)
    }

    /// Whether the peer has closed its side and everything it sent has been read. A system call.
    var peerHasHungUp: Bool {
        guard descriptor >= 0, channel.isActive else { return true }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, CInt(truncatingIfNeeded: MSG_PEEK) | CInt(truncatingIfNeeded: MSG_DONTWAIT))
            == 0
    }

    /// Reads available input into `buffer`, not through the channel. Reads nothing if there is none, if the peer has
    /// closed its side, or after an error.
    func receive(into buffer: inout ByteBuffer) {
        guard descriptor >= 0, channel.isActive else { return }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 1) {
            max(0, recv(descriptor, $0.baseAddress, $0.count, CInt(truncatingIfNeeded: MSG_DONTWAIT)))
        }
    }

    // MARK: - Appending

    /// Appends `count` bytes. The caller must write them before it uses this output again.
    @inline(__always)
    func append(_ count: Int) -> UnsafeMutableRawPointer {
        if shared != nil { unshare() }
        if buffer == nil { buffer = loop.pool.acquire(count) }
        if inChannel != 0 { charge(count) }
        markDirty()
        return buffer!.append(count)
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        append(bytes.count).copyMemory(from: base, byteCount: bytes.count)
    }

    func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends the frames of a broadcast: by reference if nothing else was appended in this tick.
    func append(_ message: SharedMessage) {
        if buffer == nil, shared == nil {
            shared = message
            markDirty()
        } else {
            append(message.frames)
        }
    }

    private func charge(_ bytes: Int) {
        let added = min(bytes, Int(UInt32.max - charged))
        charged += UInt32(added)
        loop.account.charge(added)
    }

    private func releaseCharge() {
        loop.account.charge(-Int(charged))
        charged = 0
    }

    private func unshare() {
        guard let message = shared else { return }
        shared = nil
        append(message.frames)
    }

    @inline(__always)
    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        // NIO's bytes go first; the completion of NIO's write marks this output again.
        if inChannel == 0 { loop.markDirty(self) }
    }

    // MARK: - Ending

    /// Sends FIN after all output. The connection ends when the peer closes, or when the caller closes it.
    func shutDownWhenWritten() {
        guard ending == .none else { return }
        ending = .shutDown
        markDirty()
    }

    /// Closes the channel after all output.
    func closeWhenWritten() {
        guard ending != .close else { return }
        ending = .close
        markDirty()
    }

    /// The channel is closed: the descriptor's number may be reused from now on.
    func channelClosed() {
        descriptor = -1
        dropBuffers()
        releaseCharge()
        onDrained = nil
    }

    private func dropBuffers() {
        if let buffer { loop.pool.release(buffer) }
        buffer = nil
        shared = nil
    }

    // MARK: - Writing

    /// Sends the pending output, if this is allowed now. Called at the end of the tick.
    func flush() {
        if sendNotBefore != 0, mustWait() { return }
        guard inChannel == 0, !isUnderWay else { return }
        guard let bytes = pending else {
            isDirty = false
            return drained()
        }
        let result = write(bytes)
        if took(result, of: bytes.count) { finish(result, of: bytes.count) }
    }

    /// The appended bytes that were not sent. The buffer stays valid until something is appended or ``took(_:of:)`` is
    /// called.
    @inline(__always)
    private var pending: UnsafeRawBufferPointer? { shared?.frames ?? buffer?.bytes }

    /// - Returns: how many bytes the kernel accepted, or `-errno`.
    private func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard isDescriptorOurs else { return 0 }
        var result = 0
        repeat {
            result = send(descriptor, bytes.baseAddress, bytes.count, Self.sendFlags)
        } while result < 0 && errno == EINTR
        return result < 0 ? -Int(errno) : result
    }

    /// Without a watching handler, `isActive` decides: NIO sets it to false when it closes the descriptor, on this
    /// thread.
    @inline(__always)
    private var isDescriptorOurs: Bool { descriptor >= 0 && (isWatched || channel.isActive) }

    /// The descriptor and the bytes to send, for a caller that sends for many outputs at once. The caller calls
    /// ``took(_:of:)`` for all of them before anything else happens on the loop, and then ``finish(_:of:)`` where that
    /// returned true. nil: this output must be flushed on its own.
    @inline(__always)
    func beginSending() -> (descriptor: CInt, bytes: UnsafeRawBufferPointer)? {
        guard sendNotBefore == 0, inChannel == 0, !isUnderWay, isDescriptorOurs, let bytes = pending else { return nil }
        isUnderWay = true
        return (descriptor, bytes)
    }

    /// Releases the pending bytes if the kernel has accepted all of them. Calls no other code.
    ///
    /// - Parameters:
    ///   - result: how many of the `count` pending bytes the kernel accepted, or `-errno`.
    /// - Returns: whether ``finish(_:of:)`` must be called.
    @inline(__always)
    func took(_ result: Int, of count: Int) -> Bool {
        guard result == count else { return true }
        isUnderWay = false
        isDirty = false
        dropBuffers()
        return ending != .none || onDrained != nil
    }

    /// Writes the rest through the channel, or, if nothing is left, calls ``onDrained``. May close the connection, and
    /// may run arbitrary code.
    func finish(_ result: Int, of count: Int) {
        if result != count { settle(result) }
        if inChannel == 0 { drained() }
    }

    /// - Parameter result: how many of the pending bytes the kernel accepted, or `-errno`.
    private func settle(_ result: Int) {
        isUnderWay = false
        // nil: the connection has been closed since. The bytes may be more than were sent, because other connections'
        // completions may have appended some.
        guard let bytes = pending else { return }
        isDirty = false
        guard result >= 0 || result == -Int(EAGAIN) || result == -Int(ENOBUFS) else {
            dropBuffers()
            // The connection is broken. NIO would notice it only on the next read.
            return channel.close(promise: nil)
        }
        if descriptor >= 0 { loop.counters.shortWrites += 1 }
        let rest = ByteBuffer(bytes: bytes[max(result, 0)...])
        dropBuffers()
        writeThroughChannel(rest)
    }

    /// Sends the pending output at once, as far as the kernel accepts it, and blocks further sends for ``rest`` ms.
    /// ``flush()`` handles what is left, and any error.
    func flushSeparately() {
        guard inChannel == 0, !isUnderWay, descriptor >= 0, channel.isActive else { return }
        unshare()
        guard let full = buffer else { return }
        let sent = send(descriptor, full.start, full.count, Self.sendFlags)
        guard sent > 0 else { return }
        buffer = nil
        append(UnsafeRawBufferPointer(rebasing: full.bytes[sent...]))
        loop.pool.release(full)
        sendNotBefore = loop.wheel.now + Self.rest
    }

    /// Enough for a client to wake up and read, even on a busy machine; ms.
    private static let rest: Int64 = 5

    /// Whether pending output must wait for ``sendNotBefore``. Schedules a timer then, which marks this output again.
    private func mustWait() -> Bool {
        guard loop.wheel.now < sendNotBefore else {
            sendNotBefore = 0
            return false
        }
        guard buffer != nil || shared != nil else { return false }
        _ = loop.wheel.schedule(at: sendNotBefore, for: self)
        return true
    }

    private static let sendFlags = CInt(truncatingIfNeeded: MSG_DONTWAIT) | CInt(truncatingIfNeeded: MSG_NOSIGNAL)

    private func writeThroughChannel(_ bytes: ByteBuffer) {
        inChannel = bytes.readableBytes
        channelWrites &+= 1
        charge(inChannel)
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] result in
            inChannel = 0
            releaseCharge()
            guard case .success = result else { return dropBuffers() }
            // Bytes appended meanwhile are sent directly again.
            if isDirty { loop.markDirty(self) } else { drained() }
        }
        channel.writeAndFlush(bytes, promise: written)
    }

    private func drained() {
        guard buffer == nil, shared == nil else { return }
        onDrained?()
        switch ending {
        case .none: break
        case .shutDown: channel.close(mode: .output, promise: nil)
        case .close: channel.close(promise: nil)
        }
    }
}

extension ConnectionOutput: TimerTarget {
    /// The wait after ``flushSeparately()`` is over. The output is still dirty.
    func timerFired(_ id: TimerID, tag: UInt64) {
        sendNotBefore = 0
        loop.markDirty(self)
    }
}
