import EngineIO
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The way out of one TCP connection. [loop]
///
/// What is appended in a turn goes out with one `send` when the turn ends: straight to the descriptor as long as nothing waits in NIO's
/// channel, through the channel from the first byte that the kernel did not take until the last such byte is gone. So there are never two ways at once,
/// and order is kept. A broadcast frame that is alone in its turn is sent from the shared bytes, without a copy.
final class ConnectionOutput {
    let loop: Loop
    let channel: any Channel
    /// The socket, or -1 when writing past the channel is impossible (encrypted, or closed).
    private var descriptor: CInt
    private var isDirty = false
    private var ending = Ending.none
    private var buffer: OutputBuffer?
    private var shared: SharedMessage?
    /// Bytes in NIO's hands.
    private var inChannel = 0
    /// ``separate()``: nothing is written before this moment of the wheel, ms; 0: there is none.
    private var restsUntil: Int64 = 0
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
        // What `withUnsafeTransportIfAvailable` does, but for its cast to `any NIOTransportAccessibleChannelCore<NIOBSDSocket.Handle>`: no cache of the
        // runtime's remembers a cast to an existential with arguments, and it took 3 % of what a connection costs.
        func number(_ core: some NIOTransportAccessibleChannelCore) -> CInt? { try? core.withUnsafeTransport { $0 as? CInt } }
        return (channel._channelCore as? any NIOTransportAccessibleChannelCore).flatMap { number($0) } ?? -1
    }

    /// The peer takes what it is sent: nothing waits.
    var canTakeNow: Bool { inChannel == 0 }

    /// Appended and not yet taken by the kernel.
    var bufferedBytes: Int { inChannel + (buffer?.count ?? 0) + (shared?.frames.count ?? 0) }

    /// The peer has ended its side, and everything it sent before has been read. Asks the kernel.
    var peerHasHungUp: Bool {
        guard descriptor >= 0, channel.isActive else { return true }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, CInt(truncatingIfNeeded: MSG_PEEK) | CInt(truncatingIfNeeded: MSG_DONTWAIT)) == 0
    }

    /// Reads what has come already, past the channel. Nothing is read when there is nothing, when the peer has ended its side, and after an error.
    func receive(into buffer: inout ByteBuffer) {
        guard descriptor >= 0, channel.isActive else { return }
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 1) { max(0, recv(descriptor, $0.baseAddress, $0.count, CInt(truncatingIfNeeded: MSG_DONTWAIT))) }
    }

    // MARK: - Appending

    /// Appends `count` bytes, which the caller writes before it does anything else with this output.
    @inline(__always)
    func append(_ count: Int) -> UnsafeMutableRawPointer {
        if shared != nil { unshare() }
        if buffer == nil { buffer = loop.pool.take(count) }
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

    /// Appends the frames of a broadcast: by reference when they are all there is in this turn.
    func append(_ message: SharedMessage) {
        if buffer == nil, shared == nil {
            shared = message
            markDirty()
        } else {
            append(message.frames)
        }
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
        onDrained = nil
    }

    private func dropBuffers() {
        if let buffer { loop.pool.giveBack(buffer) }
        buffer = nil
        shared = nil
    }

    // MARK: - Writing

    /// What one `send` has to bring out, taken from an output and kept alive until the kernel has answered.
    struct Sending {
        let descriptor: CInt
        let bytes: UnsafeRawBufferPointer
        fileprivate let buffer: OutputBuffer?
        fileprivate let shared: SharedMessage?
    }

    /// The turn is over.
    func flush() {
        if restsUntil != 0, mustRest() { return }
        guard inChannel == 0 else { return }
        isDirty = false
        if let message = shared {
            shared = nil
            write(message.frames)
        } else if let full = buffer {
            buffer = nil
            write(full.bytes)
            loop.pool.giveBack(full)
        }
        if inChannel == 0 { drained() }
    }

    private func write(_ bytes: UnsafeRawBufferPointer) {
        var result = 0
        // isActive is false from the moment NIO closes the descriptor, and this is the channel's own thread, so the number is still this connection's.
        if descriptor >= 0, channel.isActive {
            repeat {
                result = send(descriptor, bytes.baseAddress, bytes.count, Self.sendFlags)
            } while result < 0 && errno == EINTR
            if result < 0 { result = -Int(errno) }
        }
        settle(bytes, result)
    }

    /// What is to be sent straight to the descriptor, for somebody who sends for many outputs at once and then calls ``finish(_:result:)``; nil if this
    /// output has to be flushed by itself.
    func beginSending() -> Sending? {
        guard restsUntil == 0, inChannel == 0, descriptor >= 0, channel.isActive else { return nil }
        if let message = shared {
            shared = nil
            isDirty = false
            return Sending(descriptor: descriptor, bytes: message.frames, buffer: nil, shared: message)
        }
        guard let full = buffer else { return nil }
        buffer = nil
        isDirty = false
        return Sending(descriptor: descriptor, bytes: full.bytes, buffer: full, shared: nil)
    }

    /// - Parameter result: how many bytes the kernel took, or `-errno`.
    func finish(_ sending: Sending, result: Int) {
        settle(sending.bytes, result)
        if let buffer = sending.buffer { loop.pool.giveBack(buffer) }
        if inChannel == 0 { drained() }
    }

    /// - Parameter result: how many of `bytes` the kernel took, or `-errno`.
    private func settle(_ bytes: UnsafeRawBufferPointer, _ result: Int) {
        guard result != bytes.count else { return }
        guard result >= 0 || result == -Int(EAGAIN) || result == -Int(ENOBUFS) else {
            // Broken: NIO would find out by itself with the next read; this is sooner.
            return channel.close(promise: nil)
        }
        if descriptor >= 0 { loop.counters.shortWrites += 1 }
        writeThroughChannel(UnsafeRawBufferPointer(rebasing: bytes[max(result, 0)...]))
    }

    /// Sends what there is ahead of the turn's end, as far as the kernel takes it at once, and what follows no sooner than ``rest`` later. What is left, and
    /// any error, is for ``flush()``.
    func separate() {
        guard inChannel == 0, descriptor >= 0, channel.isActive else { return }
        unshare()
        guard let full = buffer else { return }
        let sent = send(descriptor, full.start, full.count, Self.sendFlags)
        guard sent > 0 else { return }
        buffer = nil
        append(UnsafeRawBufferPointer(rebasing: full.bytes[sent...]))
        loop.pool.giveBack(full)
        restsUntil = loop.wheel.now + Self.rest
    }

    /// Long enough for a client to be woken and to read, on a machine that has other things to do as well; ms.
    private static let rest: Int64 = 5

    /// Whether there is something to write, but not yet: a timer marks this output again. A timer is made for that alone.
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

    private func writeThroughChannel(_ bytes: UnsafeRawBufferPointer) {
        inChannel = bytes.count
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] result in
            inChannel = 0
            guard case .success = result else { return dropBuffers() }
            // Whatever was appended meanwhile goes the direct way again.
            if isDirty { loop.markDirty(self) } else { drained() }
        }
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: written)
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
