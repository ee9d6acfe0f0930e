import EngineIO
import Glibc
import NIOCore
import NIOPosix

/// The way out of one TCP connection. [loop]
///
/// What is appended in a tick goes out with one `send` when the tick ends: straight to the descriptor as long as
/// nothing waits in NIO's channel, through the channel from the first byte that the kernel did not take until the last
/// such byte is gone. So there are never two ways at once, and order is kept. A broadcast frame that is alone in its
/// turn is sent from the shared bytes, without a copy.
final class ConnectionOutput {
    // What a broadcast reads and writes comes first and together: with thousands of connections, each of these lines of
    // memory comes from far away.
    private var shared: SharedMessage?
    private var buffer: OutputBuffer?
    /// The socket, or -1 when writing past the channel is impossible (encrypted, or closed).
    private var descriptor: CInt
    private var isDirty = false
    private var ending = Ending.none
    /// From ``beginSending()`` on: some of what is pending may be the kernel's already, so nobody else sends it.
    private var isUnderWay = false
    /// A handler in the channel's pipeline calls ``channelClosed()``, which NIO has it do in the same call that closes
    /// the descriptor, before anybody can write: the descriptor is this connection's as long as it is there. To ask the
    /// channel instead costs two cache misses.
    var isWatched = false
    /// Bytes in NIO's hands.
    private var inChannel = 0
    /// What the loop's account was charged with: what the kernel did not take, and what was appended behind that. What
    /// waits for the end of its tick is not.
    private var charged = 0
    /// How often bytes were given to NIO.
    private var channelWrites: UInt32 = 0
    /// ``separate()``: nothing is written before this moment of the wheel, ms; 0: there is none.
    private var restsUntil: Int64 = 0
    let loop: Loop
    let channel: any Channel
    /// Called when everything is written that was appended; a stream waits for it.
    var onDrained: (() -> Void)?

    /// What happens when everything is written.
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

    /// The peer takes what it is sent: nothing waits.
    var canTakeNow: Bool { inChannel == 0 }

    /// Appended and not yet taken by the kernel.
    var bufferedBytes: Int { inChannel + (buffer?.count ?? 0) + (shared?.frames.count ?? 0) }

    /// Answers wait for the peer, or so much is to go out at the end of the tick that no more belongs to it.
    var isBehind: Bool { inChannel != 0 || isLarge }

    /// What waits for the end of the tick is better written at once.
    var isLarge: Bool { buffer.map { $0.count >= Self.batch } ?? false }

    /// What goes out together when many answers are written in one tick; bytes.
    private static let batch = 16_384

    /// How far the peer has got with what was written to it: another value, another byte acknowledged.
    struct Progress: Equatable {
        fileprivate let channelWrites: UInt32
        fileprivate let inChannel: Int
        /// The kernel asks for more only when a third of its buffer is free again, which takes a slow reader minutes.
        fileprivate let inKernel: CInt
    }

    /// Asks the kernel.
    var progress: Progress {
        let left = inChannel == 0 ? 0 : (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? inChannel
        var unacknowledged: CInt = 0
        if isDescriptorOurs { _ = ioctl(descriptor, UInt(TIOCOUTQ), &unacknowledged) }
        return Progress(channelWrites: channelWrites, inChannel: left, inKernel: unacknowledged)
    }

    /// The peer has ended its side, and everything it sent before has been read. Asks the kernel.
    var peerHasHungUp: Bool {
        guard descriptor >= 0, channel.isActive else { return true }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, CInt(truncatingIfNeeded: MSG_PEEK) | CInt(truncatingIfNeeded: MSG_DONTWAIT))
            == 0
    }

    /// Reads what has come already, past the channel. Nothing is read when there is nothing, when the peer has ended
    /// its side, and after an error.
    func receive(into buffer: inout ByteBuffer) {
        guard descriptor >= 0, channel.isActive else { return }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 1) {
            max(0, recv(descriptor, $0.baseAddress, $0.count, CInt(truncatingIfNeeded: MSG_DONTWAIT)))
        }
    }

    // MARK: - Appending

    /// Appends `count` bytes, which the caller writes before it does anything else with this output.
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

    /// Appends the frames of a broadcast: by reference when they are all there is in this tick.
    func append(_ message: SharedMessage) {
        if buffer == nil, shared == nil {
            shared = message
            markDirty()
        } else {
            append(message.frames)
        }
    }

    private func charge(_ bytes: Int) {
        charged += bytes
        loop.account.charge(bytes)
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
        // What NIO holds goes first; its completion marks this output again.
        if inChannel == 0 { loop.markDirty(self) }
    }

    // MARK: - Ending

    /// Sends FIN when everything is written; the peer's own end, or a timer of the caller, finishes the connection.
    func shutDownWhenWritten() {
        guard ending == .none else { return }
        ending = .shutDown
        markDirty()
    }

    /// Closes when everything is written.
    func closeWhenWritten() {
        guard ending != .close else { return }
        ending = .close
        markDirty()
    }

    /// The channel is closed: the descriptor may be somebody else's from now on.
    func channelClosed() {
        descriptor = -1
        dropBuffers()
        charge(-charged)
        onDrained = nil
    }

    private func dropBuffers() {
        if let buffer { loop.pool.release(buffer) }
        buffer = nil
        shared = nil
    }

    // MARK: - Writing

    /// The tick is over.
    func flush() {
        if restsUntil != 0, mustRest() { return }
        guard inChannel == 0, !isUnderWay else { return }
        guard let bytes = pending else {
            isDirty = false
            return drained()
        }
        let result = write(bytes)
        if took(result, of: bytes.count) { finish(result, of: bytes.count) }
    }

    /// What was appended and nobody has got yet. It stays where it is until something else is
    /// appended, or ``took(_:of:)``.
    @inline(__always)
    private var pending: UnsafeRawBufferPointer? { shared?.frames ?? buffer?.bytes }

    /// - Returns: how many bytes the kernel took, or `-errno`.
    private func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard isDescriptorOurs else { return 0 }
        var result = 0
        repeat {
            result = send(descriptor, bytes.baseAddress, bytes.count, Self.sendFlags)
        } while result < 0 && errno == EINTR
        return result < 0 ? -Int(errno) : result
    }

    /// Where nobody watches: isActive is false from the moment NIO closes the descriptor, and this is
    /// the channel's own thread.
    @inline(__always)
    private var isDescriptorOurs: Bool { descriptor >= 0 && (isWatched || channel.isActive) }

    /// What is to be sent straight to the descriptor, for somebody who sends for many outputs at once: he calls
    /// ``took(_:of:)`` for all of them before anything else happens on the loop, and then ``finish(_:of:)`` for those
    /// that want it. nil if this output has to be flushed by itself.
    @inline(__always)
    func beginSending() -> (descriptor: CInt, bytes: UnsafeRawBufferPointer)? {
        guard restsUntil == 0, inChannel == 0, !isUnderWay, isDescriptorOurs, let bytes = pending else { return nil }
        isUnderWay = true
        return (descriptor, bytes)
    }

    /// Lets go of what the kernel has taken. Calls nobody.
    ///
    /// - Parameters:
    ///   - result: how many of the `count` pending bytes it took, or `-errno`.
    /// - Returns: whether ``finish(_:of:)`` has something to do.
    @inline(__always)
    func took(_ result: Int, of count: Int) -> Bool {
        guard result == count else { return true }
        isUnderWay = false
        isDirty = false
        dropBuffers()
        return ending != .none || onDrained != nil
    }

    /// What is left goes through the channel; if nothing is, whoever waits for that is told. May end the
    /// connection, and call anybody.
    func finish(_ result: Int, of count: Int) {
        if result != count { settle(result) }
        if inChannel == 0 { drained() }
    }

    /// - Parameter result: how many of the pending bytes the kernel took, or `-errno`.
    private func settle(_ result: Int) {
        isUnderWay = false
        // None: the connection has ended meanwhile. More than were sent: what others had to say on the way goes behind.
        guard let bytes = pending else { return }
        isDirty = false
        guard result >= 0 || result == -Int(EAGAIN) || result == -Int(ENOBUFS) else {
            dropBuffers()
            // Broken: NIO would find out by itself with the next read; this is sooner.
            return channel.close(promise: nil)
        }
        if descriptor >= 0 { loop.counters.shortWrites += 1 }
        let rest = ByteBuffer(bytes: bytes[max(result, 0)...])
        dropBuffers()
        writeThroughChannel(rest)
    }

    /// Sends what there is ahead of the tick's end, as far as the kernel takes it at once, and what follows no sooner
    /// than ``rest`` later. What is left, and any error, is for ``flush()``.
    func separate() {
        guard inChannel == 0, !isUnderWay, descriptor >= 0, channel.isActive else { return }
        unshare()
        guard let full = buffer else { return }
        let sent = send(descriptor, full.start, full.count, Self.sendFlags)
        guard sent > 0 else { return }
        buffer = nil
        append(UnsafeRawBufferPointer(rebasing: full.bytes[sent...]))
        loop.pool.release(full)
        restsUntil = loop.wheel.now + Self.rest
    }

    /// Long enough for a client to be woken and to read, on a machine that has other things to do as well; ms.
    private static let rest: Int64 = 5

    /// Whether there is something to write, but not yet: a timer marks this output again. A
    /// timer is made for that alone.
    private func mustRest() -> Bool {
        guard loop.wheel.now < restsUntil else {
            restsUntil = 0
            return false
        }
        guard buffer != nil || shared != nil else { return false }
        _ = loop.wheel.schedule(at: restsUntil, for: self)
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
            charge(-charged)
            guard case .success = result else { return dropBuffers() }
            // Whatever was appended meanwhile goes the direct way again.
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
    /// The rest is over. It is dirty still.
    func timerFired(_ id: TimerID, tag: UInt64) {
        restsUntil = 0
        loop.markDirty(self)
    }
}
